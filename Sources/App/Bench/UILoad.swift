import ChatUI
import Foundation
import Generation
import Media
import Pixels
import Screen
import Synchronization

/// What `bench ui` lets happen on the screen: a conversation, an answer that streams in, keys.
struct UILoad {
    let size: Size
    let messages: Int
    /// Tokens per second.
    let rate: Double

    /// Between the thread that types and the event loop.
    private final class Exchange: Sendable {
        struct Pending {
            var since: Double
            var isShown: @Sendable (AppState) -> Bool
        }

        struct State {
            var pending: Pending?
            var latencies: [Double] = []
            var isAnswering = false
            /// What came out while tokens streamed in.
            var streamedBytes = 0
        }

        let state = Mutex(State())

        func noteFrame(_ shown: AppState) {
            let now = UILoad.now
            state.withLock { state in
                state.isAnswering = shown.answer != nil
                guard let pending = state.pending, pending.isShown(shown) else { return }
                state.latencies.append(now - pending.since)
                state.pending = nil
            }
        }

        /// Waits for something of the event loop's; false after some seconds.
        func wait(_ isThere: (State) -> Bool) -> Bool {
            let end = UILoad.now + 5
            while UILoad.now < end {
                if state.withLock({ isThere($0) }) { return true }
                usleep(200)
            }
            return false
        }
    }

    private static let words = [
        "the ", "dog ", "**runs** ", "over ", "a ", "`hill` ", "and ", "sees ", "日本 ", "again.\n\n",
    ]

    private static var now: Double { ProcessInfo.processInfo.systemUptime }

    /// Seconds from each key to the frame that shows what it did: typed characters, and now and then a page up and
    /// back to the end. Ends early when the screen does not show a key's effect within some seconds.
    func measureKeys(_ screen: ChatScreen, _ terminal: PseudoTerminal, count: Int) -> [Double] {
        let exchange = Exchange()
        let typist = Thread { [self, mailbox = screen.mailbox] in
            ask(exchange, terminal)
            let streamer = Streamer(mailbox: mailbox, words: Self.words, rate: rate)
            for number in 0..<count {
                press(number, exchange, terminal)
                guard exchange.wait({ $0.pending == nil }) else { break }
                // At no fixed distance from the frames.
                usleep(useconds_t(3000 + number * 7919 % 20_000))
            }
            streamer.stop()
            mailbox.post(.inputArrived(.terminationRequested))
        }
        run(conversation, screen, exchange, typist)
        return exchange.state.withLock { $0.latencies }
    }

    private func press(_ number: Int, _ exchange: Exchange, _ terminal: PseudoTerminal) {
        let step = number % 40
        let key: String
        let isShown: @Sendable (AppState) -> Bool
        switch step {
        case 30: (key, isShown) = ("\u{1B}[5~", { $0.scroll != nil })
        // A page down would not reach the end, which has moved on meanwhile.
        case 31: (key, isShown) = ("\u{1B}>", { $0.scroll == nil })
        case 39: (key, isShown) = ("\u{15}", { $0.editor.isEmpty })
        default:
            let length = step < 30 ? step + 1 : step - 1
            (key, isShown) = ("x", { $0.editor.elements.count == length })
        }
        exchange.state.withLock { $0.pending = Exchange.Pending(since: Self.now, isShown: isShown) }
        terminal.type(key)
    }

    /// Bytes for each token of answers that fit on the screen.
    func measureBytes(_ screen: ChatScreen, _ terminal: PseudoTerminal) -> Double {
        let exchange = Exchange()
        let tokens = 120
        let reader = Thread { [self, mailbox = screen.mailbox] in
            ask(exchange, terminal)
            usleep(100_000)
            let before = terminal.outputBytes
            let streamer = Streamer(
                mailbox: mailbox, words: Self.words.map { $0.replacingOccurrences(of: "\n\n", with: " ") }, rate: rate,
                limit: tokens)
            streamer.waitUntilDone()
            usleep(100_000)
            let after = terminal.outputBytes
            exchange.state.withLock { $0.streamedBytes = after - before }
            mailbox.post(.inputArrived(.terminationRequested))
        }
        run(OpenedConversation(name: "short", items: [], pictures: []), screen, exchange, reader)
        return Double(exchange.state.withLock { $0.streamedBytes }) / Double(tokens)
    }

    private func ask(_ exchange: Exchange, _ terminal: PseudoTerminal) {
        terminal.type("Go\r")
        _ = exchange.wait { $0.isAnswering }
    }

    private func run(
        _ conversation: OpenedConversation, _ screen: ChatScreen, _ exchange: Exchange, _ thread: Thread
    ) {
        let model = ModelDescription(
            name: "bench", path: "", architecture: "none", parameterCount: 0, weightType: "F32", templateName: "chatml",
            contextLength: 1 << 20, seesImages: false, kernel: "none", precision: "exact")
        var state = AppState(
            setting: .current, size: size, now: Date().timeIntervalSince1970, model: .ready(model))
        _ = reduce(into: &state, .conversationOpened(conversation))
        let shades = (0..<64 * 48 * 3).map { UInt8(truncatingIfNeeded: $0 * 7) }
        guard let image = PixelImage(width: 64, height: 48, bytes: shades) else { return }
        let mailbox = screen.mailbox
        thread.start()
        screen.run(&state, shown: exchange.noteFrame) { effect in
            guard case .renderPreview(let number, let size, _) = effect else { return }
            Task.detached {
                mailbox.post(
                    .previewRendered(
                        number: number, PreviewRenderer.render(image, within: size, colors: .palette256)))
            }
        }
    }

    /// Questions with pictures, answers in Markdown.
    private var conversation: OpenedConversation {
        let answer = """
            ## Two dogs
            Both are **poodles**, *clever* ones: `weight > 20`.

            - a greyer muzzle
            - a thinner coat 日本

            | Dog | Weight |
            |---|--:|
            | first | 25 |
            """
        var items: [ConversationItem] = []
        var pictures: [Picture] = []
        for id in 1...messages {
            if id % 2 == 0 {
                items.append(ConversationItem(id: id, speaker: .assistant, parts: [.text(answer)]))
                continue
            }
            let number = pictures.count + 1
            let facts = PictureFacts(name: "dog\(number).jpg", width: 640, height: 480)
            pictures.append(Picture(number: number, path: facts.name, content: .ready(facts)))
            items.append(
                ConversationItem(
                    id: id, speaker: .user, parts: [.text("What breed is "), .picture(number), .text("and how old?")],
                    time: 1_772_719_320))
        }
        return OpenedConversation(name: "long", items: items, pictures: pictures)
    }

    /// Posts tokens at a steady rate from a thread of its own.
    private final class Streamer: Sendable {
        private let isStopped = Mutex(false)
        private let isDone = DispatchSemaphore(value: 0)

        init(mailbox: ActionMailbox, words: [String], rate: Double, limit: Int = .max) {
            let thread = Thread { [self] in
                let start = UILoad.now
                var count = 0
                while count < limit, !isStopped.withLock({ $0 }) {
                    let due = start + Double(count) / rate
                    let left = due - UILoad.now
                    if left > 0 { usleep(useconds_t(left * 1e6)) }
                    let token = GeneratedToken(
                        id: 1, logProbability: -1, text: words[count % words.count], seconds: Double(count) / rate)
                    mailbox.post(.generationEventArrived(.token(token)))
                    count += 1
                }
                isDone.signal()
            }
            thread.start()
        }

        func stop() { isStopped.withLock { $0 = true } }

        func waitUntilDone() { isDone.wait() }
    }
}

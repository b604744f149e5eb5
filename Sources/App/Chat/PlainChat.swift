import ChatUI
import Foundation
import Screen

/// The chat without a screen: lines come in, lines go out, the same commands.
///
/// A line is sent as it is entered; one that ends in `\` goes on in the next. The end of the input sends what is left
/// and waits for the answers.
final class PlainChat {
    enum End {
        case left, interrupted
        /// An answer could not be given, and nobody is there to try again.
        case failed
    }

    private enum Input: Sendable {
        case line(String)
        case end
        case interrupt
        case terminate
        /// Something has come by the mailbox.
        case wake
    }

    /// What texts are laid out for that depend on a width, such as the help.
    static let size = Size(columns: 80, rows: 24)
    /// Lines longer than this are parted.
    private static let maximumLine = 1 << 20

    let mailbox: ActionMailbox
    private let inputs: AsyncStream<Input>
    private let continuation: AsyncStream<Input>.Continuation
    private var transcript = PlainTranscript()
    /// The user sees what is typed.
    private let isTyped = StandardInput.isTerminal
    private var isEnded = false
    private var lastLine = ""
    private var end: End?

    init() {
        let (inputs, continuation) = AsyncStream.makeStream(of: Input.self)
        self.inputs = inputs
        self.continuation = continuation
        mailbox = ActionMailbox { continuation.yield(.wake) }
    }

    /// Runs until the user leaves, or the input has ended and all is answered.
    func run(_ state: inout AppState, perform: (Effect) -> Void) async -> End {
        let signals = [(SIGINT, Input.interrupt), (SIGTERM, .terminate), (SIGHUP, .terminate)].map(watch)
        defer { for source in signals { source.cancel() } }
        readLines()
        write(state)
        for await input in inputs {
            handle(.ticked(Date().timeIntervalSince1970), &state, perform)
            for action in mailbox.drain() {
                handle(action, &state, perform)
            }
            takeBackFailed(&state, perform)
            handle(input, &state, perform)
            write(state)
            if isEnded && end == nil { finish(&state, perform) }
            if let end { return end }
        }
        return .left
    }

    // MARK: Input

    private func watch(_ number: Int32, _ input: Input) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { [continuation] in continuation.yield(input) }
        source.resume()
        return source
    }

    /// Reads on a thread of its own, which ends with the process: a read cannot be called off.
    private func readLines() {
        let thread = Thread { [continuation] in
            var pending: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                for byte in buffer[..<count] {
                    if byte == 0x0A || pending.count >= Self.maximumLine {
                        continuation.yield(.line(String(decoding: pending, as: UTF8.self)))
                        pending = []
                        if byte == 0x0A { continue }
                    }
                    pending.append(byte)
                }
            }
            if !pending.isEmpty { continuation.yield(.line(String(decoding: pending, as: UTF8.self))) }
            continuation.yield(.end)
        }
        thread.start()
    }

    private func handle(_ input: Input, _ state: inout AppState, _ perform: (Effect) -> Void) {
        switch input {
        case .line(let line): enter(line, &state, perform)
        case .end: isEnded = true
        case .interrupt:
            if state.answer == nil {
                end = .interrupted
            } else {
                press(Key(.escape), &state, perform)
            }
        case .terminate: handle(.inputArrived(.terminationRequested), &state, perform)
        case .wake: break
        }
    }

    private func enter(_ line: String, _ state: inout AppState, _ perform: (Effect) -> Void) {
        let line = line.hasSuffix("\r") ? String(line.dropLast()) : line
        if state.overflow != nil {
            let choice = line.trimmingCharacters(in: .whitespaces)
            if choice.isEmpty { press(Key(.escape), &state, perform) }
            for character in choice { press(Key(.character(character)), &state, perform) }
            return
        }
        press(Key(.end, .control), &state, perform)
        let goesOn = line.hasSuffix("\\")
        let text = goesOn ? String(line.dropLast()) : line
        if !text.isEmpty { handle(.inputArrived(.paste(text)), &state, perform) }
        if goesOn { return press(Key(.enter, .alt), &state, perform) }
        press(Key(.enter), &state, perform)
        if isTyped { transcript.skipQuestions(state) }
        lastLine = line
        takeBackFailed(&state, perform)
    }

    /// Nobody can correct a command in an editor that is not shown: it is told, and typed again.
    private func takeBackFailed(_ state: inout AppState, _ perform: (Effect) -> Void) {
        guard !state.inputErrors.isEmpty, !lastLine.isEmpty, state.editor.text.hasSuffix(lastLine) else { return }
        press(.control("_"), &state, perform)
    }

    /// Sends what is left, waits for what runs, and leaves.
    private func finish(_ state: inout AppState, _ perform: (Effect) -> Void) {
        let isBusy = state.answer != nil || !state.attachments.isEmpty
        if isBusy { return }
        if case .failed = state.model {
            end = .failed
            return
        }
        guard state.waiting.isEmpty else { return }
        if state.overflow != nil {
            end = .failed
        } else if !state.editor.isEmpty, state.inputErrors.isEmpty {
            press(Key(.enter), &state, perform)
            write(state)
            if state.editor.isEmpty && state.waiting.isEmpty && state.answer == nil { end = .left }
        } else {
            end =
                state.items.last?.marks.contains(where: { if case .failed = $0 { true } else { false } }) == true
                    || !state.inputErrors.isEmpty ? .failed : .left
        }
    }

    private func press(_ key: Key, _ state: inout AppState, _ perform: (Effect) -> Void) {
        handle(.inputArrived(.key(key)), &state, perform)
    }

    private func handle(_ action: Action, _ state: inout AppState, _ perform: (Effect) -> Void) {
        for effect in reduce(into: &state, action) {
            switch effect {
            case .quit: end = .left
            case .renderPreview, .renderStrip, .renderView, .suspend, .redraw, .editExternally: break
            // Nobody writes a draft line by line, and one of the screen's stays for the screen.
            case .keepDraft: break
            // What a script says is nothing to bring back.
            case .historyAppended where !isTyped: break
            case .useTheme, .listThemes: mailbox.post(.themeFailed("lines of text have no colours"))
            default: perform(effect)
            }
        }
    }

    // MARK: Output

    private func write(_ state: AppState) {
        let text = transcript.update(state)
        guard !text.isEmpty else { return }
        do throws(CommandError) { try StandardOutput.write(text) } catch {
            // Nobody reads any more.
            end = end ?? .left
        }
    }
}

import Chat
import Foundation
import Generation

/// Makes sessions of ordinary messages and measures what is done with them.
struct SessionBenchmark {
    private let store: SessionStore
    private let searched: SessionStore

    /// - Parameter folder: a new one, which the caller removes.
    init(folder: String) {
        store = SessionStore(folder: folder + "/long")
        searched = SessionStore(folder: folder + "/many")
    }

    /// What is printed; times are medians in milliseconds.
    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Figures: Encodable {
        let messages: Int
        let file_bytes: Int
        let runs: Int
        /// From the call to a session that can be written.
        let open_milliseconds: Double
        /// A question saved, and an answer of `answer_tokens` tokens recorded and made part of the session.
        let save_turn_milliseconds: Double
        let save_turn_worst_milliseconds: Double
        let answer_tokens: Int
        /// The whole journal folded into the file.
        let fold_milliseconds: Double
        let sessions: Int
        let sessions_bytes: Int
        let list_milliseconds: Double
        /// For a word of one session, two words of some, and a word of all.
        let search_rare_milliseconds: Double
        let search_some_milliseconds: Double
        let search_common_milliseconds: Double
        let search_common_hits: Int
    }

    private static let answerTokens = 100
    private static let messagesPerSession = 20

    func figures(messages: Int, sessions: Int, runs: Int) throws(SessionError) -> Figures {
        let clock = ContinuousClock()
        func milliseconds(_ body: () throws(SessionError) -> Void) throws(SessionError) -> Double {
            let began = clock.now
            try body()
            return (clock.now - began).seconds * 1000
        }
        var words = WordSource()
        try store.create(named: "long", Self.session(messages: messages, &words)).fold()
        let bytes = Self.size(store.path("long"))
        var (opening, saving, folding) = ([Double](), [Double](), [Double]())
        for _ in 0..<runs {
            var opened: SessionWriter?
            opening.append(try milliseconds { () throws(SessionError) in opened = try store.open("long") })
            guard let writer = opened else { continue }
            var session = writer.session
            for _ in 0..<10 {
                saving.append(
                    try milliseconds { () throws(SessionError) in session = try Self.turn(session, writer, &words) })
            }
            folding.append(try milliseconds { () throws(SessionError) in try writer.fold() })
        }

        var searchedBytes = 0
        for number in 0..<sessions {
            var session = Self.session(messages: Self.messagesPerSession, &words)
            if number == sessions / 2 { session.title += " cassowary" }
            try searched.create(named: "session-\(number)", session).fold()
            searchedBytes += Self.size(searched.path("session-\(number)"))
        }
        var (listing, rare, some, common) = ([Double](), [Double](), [Double](), [Double]())
        var hits = 0
        for _ in 0..<runs {
            listing.append(try milliseconds { () throws(SessionError) in _ = try searched.list() })
            rare.append(
                try milliseconds { () throws(SessionError) in _ = try searched.search("cassowary", limit: 100) })
            some.append(
                try milliseconds { () throws(SessionError) in _ = try searched.search("harbour lantern", limit: 100) })
            common.append(
                try milliseconds { () throws(SessionError) in
                    hits = try searched.search(WordSource.common, limit: 100).count
                })
        }
        return Figures(
            messages: messages, file_bytes: bytes, runs: runs, open_milliseconds: median(opening),
            save_turn_milliseconds: median(saving), save_turn_worst_milliseconds: saving.max() ?? 0,
            answer_tokens: Self.answerTokens, fold_milliseconds: median(folding), sessions: sessions,
            sessions_bytes: searchedBytes, list_milliseconds: median(listing), search_rare_milliseconds: median(rare),
            search_some_milliseconds: median(some), search_common_milliseconds: median(common),
            search_common_hits: hits)
    }

    private static func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    /// Questions and answers in turn.
    private static func session(messages: Int, _ words: inout WordSource) -> Session {
        let start = Timestamp(milliseconds: 1_795_269_720_000)
        var session = Session(created: start, application: "emuchat bench")
        var built = [Message]()
        for number in 0..<messages {
            let time = start.advanced(byMilliseconds: number * 10_000)
            let parent = number == 0 ? nil : number
            if number % 2 == 0 {
                let text = words.text(count: 12)
                built.append(Message(id: number + 1, parent: parent, role: .user, created: time, parts: [.text(text)]))
            } else {
                var recording = AnswerRecording(id: number + 1, parent: parent, created: time, answer: answer)
                for index in 0..<answerTokens / 2 {
                    recording.append(id: words.token(), text: words.text(count: 1) + " ", milliseconds: index * 17)
                }
                recording.finish(.end, remainingText: "", milliseconds: answerTokens * 17)
                built.append(recording.message)
            }
        }
        session.append(contentsOf: built)
        return session
    }

    /// One more turn, as the chat saves it.
    private static func turn(
        _ session: Session, _ writer: SessionWriter, _ words: inout WordSource
    ) throws(SessionError) -> Session {
        var session = session
        let time = session.updated.advanced(byMilliseconds: 1)
        session.append(role: .user, parts: [.text(words.text(count: 12))], at: time)
        try writer.save(session)
        try writer.beginAnswer(
            AnswerRecording(id: session.nextID, parent: session.activeLeaf, created: time, answer: answer))
        for index in 0..<answerTokens {
            try writer.append(
                GeneratedToken(
                    id: words.token(), logProbability: -1, text: words.text(count: 1) + " ",
                    seconds: Double(index) / 60))
        }
        return try writer.finishAnswer(.end, seconds: 2)
    }

    private static let answer = Answer(
        model: Answer.Model(
            name: "Bench 1B", path: "/models/bench.gguf", sha256: String(repeating: "0123456789abcdef", count: 4)),
        template: "chatml", options: GenerationOptions(seed: 7), seed: 7, kernel: "avx2", precision: "exact",
        contextLength: 4096, cacheType: "f32", promptTokens: 300, reusedTokens: 250)
}

/// Words in an order that is the same in every run (a linear congruential generator, Knuth's constants).
private struct WordSource {
    static let common = "evening"
    private static let words = [
        "evening", "harbour", "lantern", "slowly", "and", "the", "of", "a", "market", "river", "between", "windows",
        "morning", "letters", "café", "yellow", "under", "bridge", "seven", "people", "waiting", "for", "rain", "ends",
    ]
    private var state: UInt64 = 1

    private mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }

    mutating func token() -> Int32 { Int32(next(below: 49_000)) }

    mutating func text(count: Int) -> String {
        (0..<count).map { _ in Self.words[next(below: Self.words.count)] }.joined(separator: " ")
    }
}

import Foundation
import TestSupport
import Testing

private let tinyEmu2 = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/chat")

/// The whole program in a terminal, with a model that sees: the small Emu2 of the recorded results.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: tinyEmu2 != nil, "../shared/golden/emu2-tiny/chat is missing"))
struct PictureChatTests {
    /// What was recorded of a case.
    private struct Golden: Decodable {
        // The names are the file's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        struct Case: Decodable {
            let name: String
            let beam_text: String
            let greedy_text: String
        }

        let cases: [Case]
    }

    private func golden(_ name: String) throws -> Golden.Case {
        let file = try #require(tinyEmu2).appendingPathComponent("golden.json")
        let cases = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file)).cases
        return try #require(cases.first { $0.name == name })
    }

    private func start(_ options: String) throws -> ChatFixture {
        let chat = try ChatFixture(columns: 80, rows: 50)
        let model = try #require(tinyEmu2).path
        try chat.terminal.startChat("--model '\(model)' \(options)")
        // Under whose terms the weights are comes with the first load.
        try chat.terminal.wait(for: "non-commercial")
        return chat
    }

    private func attach(_ name: String, to chat: ChatFixture, after text: String) throws {
        let picture = try #require(TestSupport.sharedImage(name))
        try chat.terminal.submit("\(text)/image '\(picture.path)'")
        try chat.terminal.wait(for: "seen at 112×112 · 18 tokens")
    }

    @Test func twoPicturesInsideASentence() throws {
        let chat = try start("--preset long --max-tokens 24")
        try attach("shapes.jpeg", to: chat, after: "")
        try attach("dog2.jpg", to: chat, after: "Tell me a story about ")
        try chat.terminal.wait(for: "dog2.jpg · 498×501 · seen at 112×112")
        try chat.terminal.submit(", please.")
        let expected = try golden("picture_long").beam_text.filter { !$0.isWhitespace }
        let screen = try chat.terminal.wait(for: "the recorded answer") {
            // What ended it may follow.
            ChatFixture.answerWords($0).joined().hasPrefix(expected)
        }
        // Words and pictures stand in the order in which they were said, each picture with its preview's rows.
        let places = ["shapes.jpeg · ", "Tell me a story about", "dog2.jpg · ", ", please.", "▐ emuchat"].map {
            screen.range(of: $0)?.lowerBound
        }
        let found = places.compactMap(\.self)
        #expect(found.count == places.count && found == found.sorted(), "the screen was:\n\(screen)")
        #expect(screen.split(separator: "\n").count { $0.contains("┊") } >= 6, "the screen was:\n\(screen)")
    }

    @Test func greedyAnswersAreTheRecordedOnes() throws {
        let chat = try start("--preset greedy --max-tokens 24")
        try attach("shapes.jpeg", to: chat, after: "")
        try chat.terminal.submit("Tell me a story.")
        let expected = try golden("picture_one").greedy_text.filter { !$0.isWhitespace }
        #expect(!expected.isEmpty)
        try chat.terminal.wait(for: "the recorded answer") { ChatFixture.answerWords($0).joined() == expected }
    }

    @Test func systemMessagesHaveNames() throws {
        let chat = try start("--preset greedy")
        try chat.terminal.submit("/system concise")
        try chat.terminal.wait(for: "dedicated to provide concise")
    }
}

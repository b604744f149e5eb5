import Foundation
import TestSupport
import Testing

/// What `make run` has put beside the language model: the small model that sees, and its visual encoder.
private let seeingModel: URL? = TestSupport.builtInModel.flatMap { model in
    let folder = model.deletingLastPathComponent()
    let parts = ["emuchat-nano.gguf", "clip-vit-base-patch16.gguf"].map { folder.appendingPathComponent($0) }
    return parts.allSatisfy { FileManager.default.fileExists(atPath: $0.path) } ? parts[0] : nil
}

/// A new user's first minute: the program without any option, a photograph, a question about it.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: seeingModel != nil, "the small model that sees, or its visual encoder, has not been made"))
struct FirstRunTests {
    @Test(.enabled(if: TestSupport.sharedImage("dog1.jpg") != nil, "../shared/images/dog1.jpg is missing"))
    func aPhotographIsAttachedAndNamed() throws {
        let chat = try ChatFixture()
        try chat.terminal.startChat("")
        let start = try chat.terminal.wait(for: "small built-in model  ▕")
        // Where the lines end is not looked at.
        let words = start.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for part in ["text and pictures", "/help tells how to use a larger one"] {
            #expect(words.contains(part), "\(start)")
        }
        let picture = try #require(TestSupport.sharedImage("dog1.jpg")).path
        try chat.terminal.submit("/image '\(picture)'")
        try chat.terminal.wait(for: "seen at 224×224 · 50 tokens")
        try chat.terminal.submit("What is this?")
        let screen = try chat.terminal.wait(for: "the answer's end") { screen in
            !ChatFixture.answerWords(screen).isEmpty && screen.contains("Ctrl-D leaves")
        }
        let answer = ChatFixture.answerWords(screen).map { $0.lowercased().filter(\.isLetter) }
        #expect(answer.contains("dog"), "\(screen)")
        // The preview stands above the answer, in the place of the picture.
        #expect(screen.contains("┊"), "\(screen)")
        // A larger model is told of.
        try chat.terminal.submit("/help")
        try chat.terminal.press("M->")
        try chat.terminal.wait(for: "emuchat --model FILE")
    }

    @Test func textAloneIsAnsweredAsByTheLanguageModel() throws {
        let runner = try ProgramRunner()
        let question = "Name three rivers."
        let language = try #require(TestSupport.builtInModel).path
        let seeing = try runner.emuchat("ask", "--max-tokens", "40", question)
        let alone = try runner.emuchat("ask", "--model", language, "--temperature", "0", "--max-tokens", "40", question)
        #expect(seeing.status == 0 && !seeing.text.isEmpty)
        #expect(seeing.text == alone.text)
    }

    /// Nothing is made up about a picture of nothing.
    @Test func aBlankPictureIsNotNamed() throws {
        let runner = try ProgramRunner()
        let blank = try runner.file("blank.bmp", Bitmap.plain(width: 96, height: 96, grey: 255))
        let answer = try runner.emuchat("ask", "--image", blank, "What is this?").text
        #expect(answer.lowercased().contains("cannot tell"), "\(answer)")
    }
}

/// A BMP file of one grey.
private enum Bitmap {
    static func plain(width: Int, height: Int, grey: UInt8) -> Data {
        func bytes(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let rows = [UInt8](repeating: grey, count: (width * 3 + 3) / 4 * 4 * height)
        var file = Array("BM".utf8) + bytes(54 + rows.count, 4) + bytes(0, 4) + bytes(54, 4)
        file += bytes(40, 4) + bytes(width, 4) + bytes(height, 4) + bytes(1, 2) + bytes(24, 2) + bytes(0, 4)
        file += bytes(rows.count, 4) + bytes(2835, 4) + bytes(2835, 4) + bytes(0, 8)
        return Data(file + rows)
    }
}

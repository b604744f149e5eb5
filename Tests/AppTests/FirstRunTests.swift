import Foundation
import Media
import Pixels
import TestSupport
import Testing

/// A new user's first minute: the program without any option, a photograph, a question about it.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: TestSupport.seeingModel != nil, "the small model that sees, or its visual encoder, has not been made"))
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
        let white = try #require(PixelImage(width: 96, height: 96, bytes: [UInt8](repeating: 255, count: 96 * 96 * 3)))
        let blank = try runner.file("blank.png", Data(StillEncoder.png(white)))
        let answer = try runner.emuchat("ask", "--image", blank, "What is this?").text
        #expect(answer.lowercased().contains("cannot tell"), "\(answer)")
    }
}

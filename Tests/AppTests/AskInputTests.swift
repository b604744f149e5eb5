import Foundation
import TestSupport
import Testing

/// Where `emuchat ask` takes its question from, and how it refuses what it cannot use.
@Suite(.serialized) struct AskInputTests {
    private let runner: ProgramRunner
    private let tiny = ProgramRunner.tinyModel
    private let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
    /// Small enough to answer at once.
    private var options: [String] { ["ask", "--model", tiny, "--max-tokens", "0", "--json"] }

    init() throws { runner = try ProgramRunner() }

    private func ask(_ arguments: String..., input: String = "") throws -> ProgramResult {
        try runner.start("emuchat", options + arguments, input: Data(input.utf8)).finish()
    }

    /// One line that names what is wrong, with the status of a failure, and no result.
    private func expectFailure(
        _ result: ProgramResult, status: Int32 = 1, naming words: String..., at place: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, sourceLocation: place)
        #expect(result.output.isEmpty, sourceLocation: place)
        if status == 1 { #expect(result.errorLines.count == 1, "\(result.errorText)", sourceLocation: place) }
        for word in words {
            #expect(result.errorText.contains(word), "\(result.errorText)", sourceLocation: place)
        }
        let isPrintable = result.errorText.unicodeScalars.allSatisfy {
            $0 == "\n" || $0.properties.generalCategory != .control
        }
        #expect(isPrintable, "\(result.errorText.debugDescription)", sourceLocation: place)
    }

    @Test func theQuestionMayComeFromStandardInput() throws {
        let argument = try ask("the otter").answer().promptIDs
        #expect(try ask("-", input: "the otter").answer().promptIDs == argument)
        #expect(try ask(input: "the otter").answer().promptIDs == argument)
        #expect(try ask(input: "the otter\n").answer().promptIDs != argument, "untrimmed")
        #expect(try ask("--image", "-", "the otter", input: "").status == 1)
        let seen = try runner.start(
            "emuchat", options + ["--image", "-", "the otter"], input: Data(contentsOf: URL(fileURLWithPath: picture))
        ).finish()
        #expect(try seen.answer().unseenImages == [1])
    }

    @Test(arguments: [
        ["--image", "-", "-"], ["--image", "-"], ["--image", "-", "--image", "-", "otter"],
        ["--messages", "-", "--image", "-"], ["--messages", "x.json", "otter"], ["--temperature", "-1", "otter"],
        ["--temperature", "warm", "otter"], ["--max-tokens", "-1", "otter"], ["--nonsense", "otter"],
        ["otter", "stone"], ["--frames", "0", "otter"], ["--threads", "0", "otter"], ["--context", "1", "otter"],
        ["--precision", "wrong", "otter"],
    ])
    func wrongUsageIsStatusTwo(_ arguments: [String]) throws {
        let result = try runner.start("emuchat", options + arguments).finish()
        expectFailure(result, status: 2, naming: "ask")
    }

    @Test func picturesThatCannotBeReadAreToldBeforeAModelIsLoaded() throws {
        let text = try runner.file("notes.png", "no picture at all\n")
        let cut = try runner.file(
            "cut.jpg", Data(contentsOf: TestSupport.fixture("MediaTests", "quadrants.jpg")).prefix(100))
        // The model does not exist: whoever loads it first says so instead.
        func ask(_ path: String) throws -> ProgramResult {
            try runner.emuchat("ask", "--model", "/nowhere/model.gguf", "--image", path, "otter")
        }
        expectFailure(try ask("nowhere.png"), naming: "nowhere.png", "no such file")
        expectFailure(try ask(runner.folder.path), naming: runner.folder.path, "is a folder")
        expectFailure(try ask(text), naming: text, "expected a picture")
        expectFailure(try ask(cut), naming: cut, "damaged")
        expectFailure(try ask("a\u{1B}[31m\u{7}b.png"), naming: "no such file")
        expectFailure(
            try runner.emuchat("ask", "--model", "/nowhere/model.gguf", "--video", picture, "otter"),
            naming: picture, "expected a video")
        expectFailure(
            try runner.emuchat("ask", "--model", "/nowhere/model.gguf", "otter"), naming: "/nowhere/model.gguf")
    }

    @Test func hostileNamesDoNotReachTheTerminal() throws {
        let escape = "\u{1B}]0;owned\u{7}\u{1B}[2J"
        expectFailure(try runner.emuchat("ask", "--model", "no\(escape).gguf", "otter"), naming: "owned")
        expectFailure(try runner.emuchat("ask", "--messages", "no\(escape).json"), naming: "owned")
        expectFailure(try runner.emuchat("ask", "--no\(escape)", "otter"), status: 2, naming: "owned")
        expectFailure(try runner.emuchat("ask", "--seed", escape, "otter"), status: 2, naming: "owned")
        expectFailure(try runner.emuchat("replay", "../no\(escape)"), naming: "owned")
        expectFailure(try runner.emuchat("replay", "no\(escape)"), naming: "owned")
        expectFailure(try runner.emuchat("tokenize", "--model", "no\(escape)"), naming: "owned")
        expectFailure(try runner.bench("parity", "no\(escape)"), status: 2, naming: "owned")
    }

    @Test func messagesNamePicturesBesideThem() throws {
        try runner.file("talk/pictures/one.png", Data(contentsOf: URL(fileURLWithPath: picture)))
        let file = try runner.file(
            "talk/messages.json",
            """
            [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": [{"type": "text", "text": "What is "},
                {"type": "image", "path": "pictures/one.png"}, {"type": "text", "text": "?"}]}]
            """)
        let result = try ask("--messages", file)
        #expect(result.status == 0)
        #expect(try result.answer().unseenImages == [1])
        // Relative to the working folder when the conversation comes from standard input.
        let input = #"[{"role": "user", "content": [{"type": "image", "path": "talk/pictures/one.png"}]}]"#
        #expect(try ask("--messages", "-", input: input).answer().unseenImages == [1])
    }

    @Test func aTemplateIsLeftOutWhereTheFileSaysSo() throws {
        let chat = try ask("--messages", "-", input: #"{"messages": [{"role": "user", "content": "otter"}]}"#)
        let raw = try ask(
            "--messages", "-", input: #"{"messages": [{"role": "user", "content": "otter"}], "template": false}"#)
        let tokenized = try runner.emuchat("tokenize", "--model", tiny, input: Data("otter".utf8)).text
        #expect(try raw.answer().promptIDs.map(String.init).joined(separator: " ") + "\n" == tokenized)
        #expect(try chat.answer().promptIDs.count > raw.answer().promptIDs.count)
        #expect(try ask("otter").answer().promptIDs == chat.answer().promptIDs)
    }

    @Test(arguments: [
        (#"{"messages": [{"role": "user"}]}"#, "messages[0]"),
        (#"[{"role": "robot", "content": "x"}]"#, "[0].role"),
        (#"[{"role": "user", "content": 7}]"#, "[0].content"),
        (#"[{"role": "user", "content": [{"type": "smell", "text": "x"}]}]"#, "[0].content[0].type"),
        (#"[{"role": "user", "content": [{"type": "image"}]}]"#, "[0].content[0]"),
        (#"{"messages": [], "template": true}"#, "messages"),
        (#"{"messages": [{"role": "user", "content": "x"}], "template": "no"}"#, "template"),
        (#"[{"role": "user", "content": "x""#, "standard input"), ("", "standard input"), ("7", "standard input"),
        (#"[{"role": "user", "content": [{"type": "image", "path": "nowhere.png"}]}]"#, "nowhere.png"),
        (#"[{"role": "user", "content": [{"type": "video", "path": "nowhere.mp4", "frames": 0}]}]"#, "frames"),
    ])
    func wrongMessagesNameTheField(_ json: String, _ field: String) throws {
        expectFailure(try ask("--messages", "-", input: json), naming: field)
    }

    @Test func textThatIsNotUTF8IsRefusedWithItsPlace() throws {
        let result = try runner.start("emuchat", options, input: Data("ab\u{E9}".utf8) + [0xFF]).finish()
        expectFailure(result, naming: "byte 5")
    }

    @Test func zerosAndEscapesAreText() throws {
        let result = try ask(input: "a\0b\u{1B}[31mc")
        #expect(result.status == 0)
        let ids = try result.answer().promptIDs.map(String.init).joined(separator: " ")
        let bytes = try runner.emuchat("tokenize", "--model", tiny, "--decode", input: Data(ids.utf8)).output
        #expect(String(decoding: bytes, as: UTF8.self).contains("a\0b\u{1B}[31mc"))
    }

    @Test(arguments: [0, 3, 4, 24, 1000, 20_000, 110_000])
    func aModelThatWasCutOffIsToldInOneLine(_ length: Int) throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: tiny))
        let file = try runner.file("cut.gguf", whole.prefix(length))
        expectFailure(try runner.emuchat("ask", "--model", file, "otter"), naming: file)
        expectFailure(try runner.emuchat("tokenize", "--model", file), naming: file)
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func theBuiltInModelCutOffIsToldInOneLine() throws {
        let model = try #require(TestSupport.builtInModel)
        let whole = try Data(contentsOf: model, options: .alwaysMapped)
        let file = try runner.file("cut.gguf", whole.prefix(whole.count / 2))
        expectFailure(try runner.emuchat("ask", "--model", file, "otter"), naming: file, "ends too early")
    }

    @Test func aMissingBuiltInModelSaysHowToGetIt() throws {
        let result = try runner.emuchat("ask", "otter", environment: ["XDG_CACHE_HOME": runner.folder.path])
        expectFailure(result, naming: "make run", "--model")
    }

    @Test(arguments: ["ask --model '%' --max-tokens 2 otter", "ask --model '%' --json otter", "tokenize --model '%'"])
    func aFullDiskIsToldInOneLine(_ command: String) throws {
        let words = command.replacing("%", with: tiny)
        let result = try runner.start(
            "/bin/sh", ["-c", "exec '\(ProgramRunner.program("emuchat"))' \(words) >/dev/full"], input: Data("x".utf8)
        ).finish()
        expectFailure(result, naming: "Standard output cannot be written")
    }

    @Test func aPipeThatIsClosedEndsQuietly() throws {
        let command = "'\(ProgramRunner.program("emuchat"))' ask --model '\(tiny)' --seed 1 otter | true"
        let result = try runner.start("/bin/sh", ["-c", command]).finish()
        #expect(result.errorText == "")
    }

    @Test func helpAndVersionAreResults() throws {
        let help = try runner.emuchat("ask", "--help")
        #expect(help.status == 0 && help.errorText == "")
        for option in ["--image", "--messages", "--json", "--max-tokens", "--length-penalty"] {
            #expect(help.text.contains(option))
        }
        #expect(try runner.emuchat("--version").text.hasPrefix("emuchat "))
        #expect(try runner.bench("--version").status == 0)
        expectFailure(try runner.emuchat(), naming: "ask")
    }
}

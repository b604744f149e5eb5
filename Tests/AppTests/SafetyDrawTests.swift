import Chat
import Foundation
import Media
import ModelFiles
import Pixels
import TestSupport
import Testing

/// What people get of a model that has a safety checker: never a picture that is black without a word.
@Suite(.serialized, .enabled(if: CheckedPipeline.gen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct SafetyDrawTests {
    private let runner: ProgramRunner

    init() throws { runner = try ProgramRunner() }

    private func draw(_ model: String, _ name: String, _ arguments: String...) throws -> ProgramResult {
        let options = ["draw", "--model", model, "--size", "64x48", "--steps", "2", "--seed", "7", "-o", name]
        return try runner.start("emuchat", options + arguments + ["a red cat"]).finish()
    }

    private func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: runner.folder.appendingPathComponent(name).path)
    }

    private func pixels(_ name: String) throws -> PixelImage {
        let bytes = [UInt8](try Data(contentsOf: runner.folder.appendingPathComponent(name)))
        return try StillDecoder().load(bytes: bytes, name: name).pixels
    }

    private func pictures(_ result: ProgramResult) throws -> [[String: Any]] {
        let json = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        return try #require(json["pictures"] as? [[String: Any]])
    }

    @Test func whatPassesIsTheSamePicture() throws {
        let checked = try CheckedPipeline(in: runner.folder, named: "gen", threshold: CheckedPipeline.passesAll)
        let result = try draw(checked.path, "checked.png", "--json")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try pictures(result).map { $0["withheld"] as? Bool } == [false])
        #expect(try draw(#require(CheckedPipeline.gen).path, "plain.png").status == 0)
        #expect(try pixels("checked.png") == pixels("plain.png"))
    }

    @Test func whatDoesNotPassIsNotWrittenAndSaid() throws {
        let checked = try CheckedPipeline(in: runner.folder, named: "gen", threshold: CheckedPipeline.withholdsAll)
        let result = try draw(checked.path, "a.png")
        #expect(result.status == 1 && result.text == "")
        #expect(
            result.errorText.hasSuffix(
                "emuchat: a.png: not written: the model's safety checker withheld the picture (seed 7). "
                    + "Another seed or other words may give one that it lets pass.\n"), "\(result.errorText)")
        #expect(!exists("a.png"))
        let told = try draw(checked.path, "a.png", "--json")
        #expect(told.status == 1 && !exists("a.png"))
        let picture = try #require(try pictures(told).first)
        #expect(picture["withheld"] as? Bool == true && picture["seed"] as? Int == 7 && picture["path"] == nil)
        // The model says that it has one.
        let model = try runner.emuchat("model", checked.path)
        #expect(model.text.contains("`emuchat draw`, withheld where its safety checker says so"), "\(model.text)")
        let json = try runner.emuchat("model", checked.path, "--json").text
        #expect(json.contains(/"has_safety_checker" ?: ?true/), "\(json)")
    }

    @Test func onlyThatOneOfSeveralIsWithheld() throws {
        let plain = try draw(#require(CheckedPipeline.gen).path, "plain.png", "--count", "3")
        #expect(plain.status == 0, "\(plain.errorText)")
        let drawn = try (1...3).map { try pixels("plain-\($0).png") }
        let (checked, withheld) = try CheckedPipeline.telling(apart: drawn, in: runner.folder, named: "gen")
        let result = try draw(checked.path, "a.png", "--count", "3", "--json")
        #expect(result.status == 1)
        #expect(try pictures(result).map { $0["withheld"] as? Bool } == (0..<3).map { $0 == withheld })
        for index in 0..<3 {
            #expect(exists("a-\(index + 1).png") == (index != withheld))
            if index != withheld { #expect(try pixels("a-\(index + 1).png") == drawn[index]) }
        }
    }

    /// In one file as in the folder, also where most weights are rounded.
    @Test(arguments: [("f32", "F32"), ("q4_0", "F16")]) func aConversionHasIt(_ type: String, _ stored: String) throws {
        let checked = try CheckedPipeline(in: runner.folder, named: "gen", threshold: CheckedPipeline.withholdsAll)
        let conversion = try runner.start(
            "emuchat", ["convert", checked.path, "--type", type, "-o", "gen.gguf"]
        ).finish()
        #expect(conversion.status == 0 && !conversion.text.contains("left out"), "\(conversion.errorText)")
        #expect(conversion.text.contains("as F16    safety_checker.*:") == (stored == "F16"), "\(conversion.text)")
        let file = try GGUFFile(path: runner.folder.appendingPathComponent("gen.gguf").path)
        #expect(try file.tensor("safety_checker.v.blk.0.attn_q.weight").type.name == stored)
        #expect(try file.tensor("safety_checker.concept_embeds").type.name == "F32")
        let result = try draw("gen.gguf", "a.png")
        #expect(result.status == 1 && result.errorText.contains("safety checker withheld"), "\(result.errorText)")
        #expect(!exists("a.png"))
    }

    @Test func aDamagedOneIsNamedBeforeAnythingIsDrawn() throws {
        let checked = try CheckedPipeline(in: runner.folder, named: "gen", threshold: 0)
        let weights = URL(fileURLWithPath: checked.path).appendingPathComponent("safety_checker/model.safetensors")
        try Data(contentsOf: weights).dropLast(1000).write(to: weights)
        for command in [
            ["draw", "--model", checked.path, "-o", "a.png", "cat"],
            ["convert", checked.path, "--type", "f16", "-o", "a.gguf"],
        ] {
            let result = try runner.start("emuchat", command).finish()
            #expect(
                result.status == 1 && result.errorText.contains("safety_checker/model.safetensors"),
                "\(result.errorText)")
        }
        #expect(!exists("a.png") && !exists("a.gguf"))
    }

    /// What the published code gives for a picture that does not pass is what parity compares with: black.
    @Test func parityIsWithThePublishedPictures() throws {
        let images = try #require(TestSupport.shared).appendingPathComponent("images").path
        let strict = try CheckedPipeline(in: runner.folder, named: "gen", threshold: CheckedPipeline.withholdsAll)
        let other = try runner.bench("parity", strict.path, "--images", images)
        #expect(other.status == 1)
        let lines = other.text.split(separator: "\n").map(String.init)
        #expect(lines.filter { $0.hasSuffix("FAIL") }.allSatisfy { $0.contains(" image ") }, "\(other.text)")
        // The same recording as the code makes it with such a checker.
        let golden = URL(fileURLWithPath: strict.path).appendingPathComponent("golden.safetensors")
        let recorded = try SafetensorsFile(path: golden.path)
        let tensors = try recorded.tensorNames.map { name in
            let values = try recorded.floats(name)
            return (
                name: name, shape: try recorded.tensor(name).shape,
                values: name.hasSuffix(".image") ? values.map { _ in 0 } : values
            )
        }
        try FileManager.default.removeItem(at: golden)
        try SafetensorsWriter(tensors: tensors).data().write(to: golden)
        let same = try runner.bench("parity", strict.path, "--images", images)
        #expect(same.status == 0, "\(same.text)\(same.errorText)")
    }
}

/// The same in the chat: the whole program in a terminal.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: CheckedPipeline.gen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct SafetyChatTests {
    private func start(_ chat: ChatFixture, _ model: String, _ arguments: String, waitingFor text: String) throws {
        try chat.terminal.startChat("--model '\(model)' \(arguments)")
        try chat.terminal.wait(for: text)
    }

    private func leave(_ chat: ChatFixture) throws {
        try chat.terminal.submit("/quit")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    @Test func anAnswerSaysWhatIsWithheld() throws {
        let chat = try ChatFixture(columns: 80, rows: 40)
        let options = ["draw", "--size", "64", "--steps", "2", "--seed", "7", "--count", "3", "-o", "plain.png"]
        let plain = try chat.runner.start(
            "emuchat", options + ["--model", #require(CheckedPipeline.gen).path, "a red cat"]
        ).finish()
        #expect(plain.status == 0, "\(plain.errorText)")
        let drawn = try (1...3).map { number in
            let bytes = try Data(contentsOf: chat.runner.folder.appendingPathComponent("plain-\(number).png"))
            return try StillDecoder().load(bytes: [UInt8](bytes), name: "\(number)").pixels
        }
        let (checked, withheld) = try CheckedPipeline.telling(apart: drawn, in: chat.runner.folder, named: "gen")
        try start(chat, checked.path, "", waitingFor: "text and pictures")
        try chat.terminal.submit("/draw --size 64 --steps 2 --seed 7 --count 3 a red cat")
        let words = "safety checker withheld picture \(withheld + 1) of 3"
        let screen = try chat.terminal.wait(for: "both pictures and the words") { screen in
            screen.contains(words) && !screen.contains("Esc stops")
        }
        for index in 0..<3 { #expect(screen.contains("drawing-\(7 + index).png") == (index != withheld)) }
        try leave(chat)

        let (file, session) = try chat.session()
        let folder = file.deletingLastPathComponent()
        let answer = try #require(session.activeBranch.last)
        #expect(answer.answer?.drawing?.withheld == [withheld + 1] && answer.parts.count == 2)
        let name = file.deletingPathExtension().lastPathComponent
        let again = try ChatFixture(columns: 80, rows: 40)
        try start(again, checked.path, "--session \(name) --sessions '\(folder.path)'", waitingFor: words)
        try leave(again)
        let replayed = try chat.runner.emuchat("replay", name, "--plain", "--speed", "100", "--sessions", folder.path)
        #expect(replayed.text.contains(words), "\(replayed.text)")
        func verified(_ name: String) throws -> ProgramResult {
            try chat.runner.emuchat("replay", "--verify", name, "--sessions", folder.path)
        }
        let same = try verified(name)
        #expect(same.status == 0 && same.text == "1 of 1 answer agree.\n", "\(same.text)\(same.errorText)")

        // Another verdict than the recorded one is found out.
        let other = withheld == 0 ? 2 : 1
        for (numbers, found) in [
            ([other], "picture \(min(other, withheld + 1)): "), ([], "picture \(withheld + 1): withheld by"),
            (Array(Set([other, withheld + 1])).sorted(), "picture \(other): the safety checker lets it pass"),
        ] {
            var changed = answer
            changed.answer?.drawing?.withheld = numbers
            var other = Session(created: session.created)
            for message in session.activeBranch { other.append(message.id == changed.id ? changed : message) }
            try Data(other.json.prettyBytes).write(to: folder.appendingPathComponent("other.json"))
            let differing = try verified("other")
            #expect(differing.status == 1 && differing.text.contains(found), "\(numbers): \(differing.text)")
        }
    }

    /// Neither while it is drawn, nor when it was stopped.
    @Test func nothingOfItIsShown() throws {
        let chat = try ChatFixture(columns: 80, rows: 40)
        let checked = try CheckedPipeline(
            in: chat.runner.folder, named: "gen", threshold: CheckedPipeline.withholdsAll)
        try start(chat, checked.path, "", waitingFor: "text and pictures")
        try chat.terminal.submit("/draw --size 512 --steps 400 --seed 7 a red cat")
        try chat.terminal.wait(for: /drawing ▕[^▏]*▏ [0-9]{2}\/400/)
        try chat.terminal.press("Escape")
        let screen = try chat.terminal.wait(for: "⏹ stopped")
        #expect(!screen.contains("drawing-7.png"))
        try leave(chat)
        let answer = try #require(try chat.session().session.activeBranch.last)
        #expect(answer.answer?.drawing?.endsInPreview == false)
        #expect(!answer.parts.contains { if case .image = $0.content { true } else { false } })
    }
}

import Foundation
import TestSupport
import Testing

private let emu2 = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/chat")

/// Sets of examples from the command line, and what a model is given of them.
@Suite(.serialized) struct ExamplesCommandTests {
    private let runner: ProgramRunner

    init() throws { runner = try ProgramRunner() }

    private func quadrants() -> String { TestSupport.fixture("MediaTests", "quadrants.png").path }

    @Test func setsAreMadeShownAndRemoved() throws {
        let empty = try runner.emuchat("examples", "list")
        #expect(empty.status == 0 && empty.text.isEmpty && empty.errorText.contains("There are no sets yet"))
        let picture = quadrants()
        for answer in ["Four.", "Five."] {
            let added = try runner.emuchat(
                "examples", "add", "colours", "--image", picture, "--question", "How many?", "--answer", answer)
            #expect(added.status == 0, "\(added.errorText)")
        }
        #expect(try runner.emuchat("examples").text == "colours\t2 examples\t2 pictures\n")
        let shown = try runner.emuchat("examples", "show", "colours").text
        #expect(shown == "1\t[quadrants.png] How many? → Four.\n2\t[quadrants.png] How many? → Five.\n")
        let json = try runner.emuchat("examples", "show", "colours", "--json")
        let rows = try #require(JSONSerialization.jsonObject(with: json.output) as? [[String: Any]])
        #expect(rows.map { $0["answer"] as? String } == ["Four.", "Five."])
        #expect(try runner.emuchat("examples", "remove", "colours", "1").status == 0)
        #expect(try runner.emuchat("examples", "show", "colours").text.contains("Five.\n"))
        #expect(try runner.emuchat("examples", "remove", "colours", "2", "3").status == 1)
        #expect(try runner.emuchat("examples", "remove", "colours").status == 0)
        let clean = try runner.emuchat("examples", "clean", "--trash", "--dry-run")
        #expect(clean.errorText.hasPrefix("Would remove 1 set and 0 pictures"), "\(clean.errorText)")
        let gone = try runner.emuchat("examples", "show", "colours")
        #expect(gone.status == 1 && gone.errorText.contains("no set of examples colours"))
    }

    @Test func whatIsWrongIsToldWithItsStatus() throws {
        #expect(try runner.emuchat("examples", "add", "a").status == 2)
        #expect(try runner.emuchat("examples", "add", "a", "--answer", "x").status == 2)
        #expect(try runner.emuchat("examples", "add", "../a", "--question", "x", "--answer", "x").status == 1)
        let missing = try runner.emuchat("examples", "add", "a", "--image", "none.png", "--answer", "x")
        #expect(missing.status == 1 && missing.errorText.contains("none.png"))
        #expect(try runner.emuchat("ask", "--rices", "2", "x").status == 2)
        let unknown = try runner.emuchat("ask", "--examples", "none", "x")
        #expect(unknown.status == 1 && unknown.errorText.contains("no set of examples none"))
    }

    private func add(_ name: String, _ answer: String) throws -> String {
        let picture = try #require(TestSupport.sharedImage(name)).path
        let added = try runner.emuchat(
            "examples", "add", "set", "--image", picture, "--question", "What?", "--answer", answer)
        #expect(added.status == 0, "\(added.errorText)")
        return picture
    }

    private func ask(_ arguments: String...) throws -> AskAnswer {
        let model = try #require(emu2).path
        let result = try runner.start(
            "emuchat", ["ask", "--model", model, "--max-tokens", "1", "--beams", "1", "--json"] + arguments
        ).finish()
        #expect(result.status == 0, "\(result.errorText)")
        return try result.answer()
    }

    /// Examples are turns before the question: the model is given the ids of a conversation that says the same.
    @Test(.enabled(if: emu2 != nil, "../shared is missing")) func examplesAreTurnsBeforeTheQuestion() throws {
        let dog = try add("dog1.jpg", "A dog.")
        let cat = try add("cat.jpg", "A cat.")
        func turn(_ role: String, _ picture: String?, _ text: String) -> [String: Any] {
            let image: [[String: Any]] = picture.map { [["type": "image", "path": $0]] } ?? []
            return ["role": role, "content": image + [["type": "text", "text": text]]]
        }
        let tiger = try #require(TestSupport.sharedImage("tiger.jpg")).path
        func ids(_ pairs: [(String, String)]) throws -> [Int32] {
            let turns = pairs.flatMap { [turn("user", $0.0, "What?"), turn("assistant", nil, $0.1)] }
            let file = try runner.file(
                "talk.json", JSONSerialization.data(withJSONObject: turns + [turn("user", tiger, "And this?")]))
            return try ask("--messages", file).promptIDs
        }
        let all = try ask("--examples", "set", "--image", tiger, "And this?")
        #expect(try all.promptIDs == ids([(dog, "A dog."), (cat, "A cat.")]))
        // The nearest of them to a picture that is one of them is itself, and it stands last.
        let one = try ask("--examples", "set", "--rices", "1", "--image", cat, "And this?")
        let nearest = try ask("--examples", "set", "--rices", "2", "--image", dog, "And this?")
        let dogLast = try ids([(cat, "A cat."), (dog, "A dog.")])
        #expect(one.promptIDs.count < nearest.promptIDs.count)
        #expect(nearest.promptIDs == dogLast)
    }

    /// The base model, which has no roles, gets them one after another as they stand: as its makers count figures.
    @Test(.enabled(if: emu2 != nil, "../shared is missing")) func theBaseModelsExamplesAreTheRecordedOnes() throws {
        // The names are the file's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        struct Golden: Decodable {
            struct Case: Decodable {
                let name: String
                let input_ids: [Int32]
            }

            let text_cases: [Case]
        }
        let folder = try #require(TestSupport.shared).appendingPathComponent("golden/emu2-tiny/gen")
        let golden = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: folder.appendingPathComponent("golden.json")))
        let recorded = try #require(golden.text_cases.first { $0.name == "base_fewshot" })
        let dog = try #require(TestSupport.sharedImage("dog2.jpg")).path
        let shapes = try #require(TestSupport.sharedImage("shapes.jpeg")).path
        for (picture, answer) in [(dog, "[red, white, 3, bottom left]."), (shapes, "[blue, black, 1, top left].")] {
            let added = try runner.emuchat("examples", "add", "count", "--image", picture, "--answer", answer)
            #expect(added.status == 0, "\(added.errorText)")
        }
        let result = try runner.emuchat(
            "ask", "--model", folder.path, "--max-tokens", "1", "--json", "--examples", "count", "--image", dog, "")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try result.answer().promptIDs == recorded.input_ids)
    }

    @Test(.enabled(if: emu2 != nil, "../shared is missing")) func theSelfTestRunsThrough() throws {
        let model = try #require(emu2).path
        let images = try #require(TestSupport.sharedImage("squirrel.jpeg")).deletingLastPathComponent().path
        let clip = try #require(TestSupport.sharedImage("clip.mp4")).path
        let options = ["selftest", "--model", model, "--max-tokens", "4", "--images", images]
        let result = try runner.start("emuchat", options + ["--json", "--video", clip]).finish()
        #expect(result.status == 0, "\(result.errorText)")
        let report = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let examples = try #require(report["examples"] as? [[String: Any]])
        #expect(examples.compactMap { $0["name"] as? String } == ["caption", "video", "grounding", "interleaved"])
        #expect(report["ran"] as? Int == 4 && report["failed"] as? Int == 0)
        #expect(examples.last?["agrees"] as? Bool == false)
        let text = try runner.start("emuchat", options).finish()
        #expect(text.status == 0 && text.text.hasSuffix("3 of 3 examples ran on Emu2-Chat\n"), "\(text.text)")
        // Without the pictures each of them is named, with where it lies.
        let none = try runner.start("emuchat", ["selftest", "--model", model, "--max-tokens", "4"]).finish()
        #expect(none.status == 1)
        #expect(none.text.contains("/squirrel.jpeg, and name its folder with --images"))
        #expect(none.text.hasSuffix("0 of 3 examples ran on Emu2-Chat\n"))
        #expect(try runner.emuchat("selftest").status == 2)
    }

    @Test func theSelfTestIsForEmu2() throws {
        let result = try runner.emuchat("selftest", "--model", ProgramRunner.tinyModel)
        #expect(result.status == 1 && result.errorText.contains("is no Emu2 that sees"))
    }
}

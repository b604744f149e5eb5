import Foundation
import Media
import Pixels
import TestSupport
import Testing

/// What `emuchat draw` promises, held by the program itself.
@Suite(.serialized) struct DrawTests {
    private let runner: ProgramRunner
    private static let gen = TestSupport.shared.map { $0.appendingPathComponent("golden/emu2-tiny/gen") }
    private static let picture = TestSupport.sharedImage("dog2.jpg")

    init() throws { runner = try ProgramRunner() }

    /// Draws with the small model into `name`; few steps of a small picture unless told otherwise.
    private func draw(_ name: String, _ arguments: String...) throws -> ProgramResult {
        let model = try #require(Self.gen).path
        let options = ["draw", "--model", model, "--size", "64x48", "--steps", "2", "-o", name]
        // A cache of its own: what is found there must not differ from what is computed.
        return try runner.start(
            "emuchat", options + arguments, environment: ["XDG_CACHE_HOME": runner.folder.path + "/cache"]
        ).finish()
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: runner.folder.appendingPathComponent(name)))
    }

    private func pixels(_ name: String) throws -> PixelImage {
        try StillDecoder().load(bytes: bytes(name), name: name).pixels
    }

    /// The texts of a PNG file by their keywords; what is not ASCII stands as it is stored.
    private func texts(_ png: [UInt8]) -> [String: String] {
        var (texts, at): ([String: String], Int) = ([:], 8)
        while at + 12 <= png.count {
            let length = png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            let type = String(decoding: png[at + 4..<at + 8], as: UTF8.self)
            let content = png[at + 8..<min(png.count, at + 8 + length)]
            if ["tEXt", "iTXt"].contains(type) {
                let parts = content.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                texts[parts[0]] = parts.dropFirst().joined()
            }
            at += 12 + length
        }
        return texts
    }

    @Test(.enabled(if: gen != nil, "../shared is missing")) func theSameSeedGivesTheSameFile() throws {
        for (name, arguments) in [
            ("one.png", ["--threads", "1", "--seed", "7"]), ("three.png", ["--threads", "3", "--seed", "7"]),
            ("other.png", ["--threads", "3", "--seed", "8"]),
        ] {
            let result = try draw(name, arguments[0], arguments[1], arguments[2], arguments[3], "a red cat")
            #expect(result.status == 0 && result.text == "", "\(result.errorText)")
            #expect(result.errorText.contains("\(name): 64x48, seed \(arguments[3]), 2 steps"))
        }
        let (one, other) = (try pixels("one.png"), try pixels("other.png"))
        #expect((one.width, one.height) == (64, 48))
        #expect(try bytes("one.png") == bytes("three.png"))
        #expect(one != other)
    }

    @Test(.enabled(if: gen != nil, "../shared is missing")) func thePictureTellsHowItWasDrawn() throws {
        let result = try draw(
            "a.png", "--seed", "3", "--guidance", "7.5", "--json", "--box", "hat 40 300 20 10", "Straße 🐧")
        #expect(result.status == 0, "\(result.errorText)")
        let json = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let told = texts(try bytes("a.png"))
        #expect(told["prompt"] == "Straße 🐧" && told["seed"] == "3" && told["steps"] == "2")
        #expect(told["box"] == "hat 20 10 40 300" && json["boxes"] as? [String] == ["hat 20 10 40 300"])
        #expect(told["guidance"] == "7.5" && told["model"]?.hasPrefix("Emu2") == true)
        #expect(
            Set(json.keys) == [
                "prompt", "boxes", "width", "height", "steps", "guidance", "model", "model_sha256", "pictures",
                "seconds",
                "kernel", "precision",
            ])
        let picture = try #require((json["pictures"] as? [[String: Any]])?.first)
        #expect(picture["seed"] as? Int == 3 && picture["path"] as? String == "a.png")
    }

    @Test(.enabled(if: gen != nil && picture != nil, "../shared is missing"))
    func everyTaskDrawsAnotherPicture() throws {
        let dog = try #require(Self.picture).path
        let tasks: [(String, [String])] = [
            ("words.png", ["wearing a red hat"]), ("edited.png", ["--image", dog, "wearing a red hat"]),
            ("placed.png", ["--image", dog, "a hat on [Image #1]"]), ("again.png", ["--image", dog]),
            ("boxed.png", ["--box", "the dog 40 60 200 300", "wearing a red hat"]),
            ("moved.png", ["--box", "the dog 240 60 400 300", "wearing a red hat"]),
            ("shown.png", ["--image", dog, "--box", "the dog [Image #1] 40 60 200 300", "wearing a red hat"]),
            ("unguided.png", ["--guidance", "1", "wearing a red hat"]),
        ]
        var seen = [[UInt8]: String]()
        let model = try #require(Self.gen).path
        for (name, arguments) in tasks {
            let options = ["draw", "--model", model, "--size", "32", "--steps", "1", "--seed", "1", "-o", name]
            let result = try runner.start("emuchat", options + arguments).finish()
            #expect(result.status == 0, "\(name): \(result.errorText)")
            let bytes = try pixels(name).bytes
            #expect(seen[bytes] == nil, "\(name) is \(seen[bytes] ?? "")")
            seen[bytes] = name
        }
    }

    @Test(.enabled(if: gen != nil, "../shared is missing")) func severalPicturesHaveNumbersAndSeeds() throws {
        let result = try draw("cat.png", "--seed", "4", "--count", "2", "a red cat")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try texts(bytes("cat-1.png"))["seed"] == "4" && texts(bytes("cat-2.png"))["seed"] == "5")
        _ = try draw("second.png", "--seed", "5", "a red cat")
        #expect(try pixels("second.png") == pixels("cat-2.png"))
        #expect(!FileManager.default.fileExists(atPath: runner.folder.appendingPathComponent("cat.png").path))
    }

    @Test(.enabled(if: gen != nil, "../shared is missing")) func whatCannotBeDrawnIsToldBeforeAnythingIs() throws {
        let model = try #require(Self.gen).path
        let cases: [([String], Int32, String)] = [
            (["--model", model, "-o", "a.png", "--size", "60x64", "cat"], 2, "multiples of 8"),
            (["--model", model, "-o", "a.png", "--size", "8192", "cat"], 2, "4096"),
            (["--model", model, "-o", "a.png", "--size", "0", "cat"], 2, "--size"),
            (["--model", model, "-o", "a.png", "--steps", "0", "cat"], 2, "--steps"),
            (["--model", model, "-o", "a.png", "--guidance", "nan", "cat"], 2, "--guidance"),
            (["--model", model, "-o", "a.png", "--box", "cat 1 2 3", "cat"], 2, "--box"),
            (["--model", model, "-o", "a.png", "--box", "cat [Image #1] 1 2 30 40", "cat"], 2, "no picture 1"),
            (["--model", model, "-o", "nowhere/a.png", "cat"], 1, "no such folder"),
            (["--model", model, "-o", ".", "cat"], 1, "is a folder"),
            (["--model", ProgramRunner.tinyModel, "-o", "a.png", "cat"], 1, "draws nothing"),
            (["--model", model, "-o", "a.png", "--image", "nothing.jpg", "cat"], 1, "nothing.jpg"),
        ]
        for (arguments, status, words) in cases {
            let result = try runner.start("emuchat", ["draw"] + arguments).finish()
            #expect(result.status == status && result.errorText.contains(words), "\(arguments): \(result.errorText)")
        }
        #expect(!FileManager.default.fileExists(atPath: runner.folder.appendingPathComponent("a.png").path))
    }

    @Test(.enabled(if: gen != nil, "../shared is missing")) func anInterruptLeavesNothing() throws {
        let model = try #require(Self.gen).path
        let program = try runner.start(
            "emuchat", ["draw", "--model", model, "--size", "512", "--steps", "1000", "-o", "a.png", "cat"])
        try program.waitUntilMapped("unet/diffusion_pytorch_model")
        program.send(SIGINT)
        #expect(try program.finish().status == 130)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: runner.folder.path).allSatisfy { !$0.contains("a.png") }
        )
    }
}

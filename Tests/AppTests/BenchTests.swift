import Foundation
import ModelFiles
import TestSupport
import Testing

/// What `bench` promises to other programs.
@Suite(.serialized) struct BenchTests {
    private let runner: ProgramRunner
    private let recorded = TestSupport.fixture("InferenceTests", "tiny-llama-q4_1")

    init() throws { runner = try ProgramRunner() }

    /// A copy of the small model and of what was recorded for it.
    private func copy(named name: String) throws -> URL {
        let folder = runner.folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for file in ["golden.json", "golden.safetensors"] {
            try FileManager.default.copyItem(
                at: recorded.appendingPathComponent(file), to: folder.appendingPathComponent(file))
        }
        try FileManager.default.copyItem(
            atPath: ProgramRunner.tinyModel, toPath: folder.appendingPathComponent("tiny-llama-q4_1.gguf").path)
        return folder
    }

    /// The lines of a comparison: case, item, difference, limit, verdict.
    private func items(_ result: ProgramResult) throws -> [[String]] {
        let lines = result.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        for line in lines {
            try #require(line.count == 5, "\(line)")
            #expect(Double(line[2]) != nil && Double(line[3]) != nil && ["ok", "FAIL"].contains(line[4]))
        }
        return lines
    }

    @Test func theSmallModelAgrees() throws {
        let result = try runner.bench("parity", recorded.path)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        let items = try items(result)
        #expect(items.count >= 8 && items.allSatisfy { $0[4] == "ok" })
        #expect(Set(items.map { $0[0] }) == ["raw_text", "chat_multiturn"])
        #expect(Set(items.map { $0[1] }).isSuperset(of: ["input_ids", "greedy_ids", "greedy_text"]))
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func theBuiltInModelAgrees() throws {
        let result = try runner.bench("parity", TestSupport.fixture("InferenceTests", "smollm2").path)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        #expect(try items(result).allSatisfy { $0[4] == "ok" })
    }

    private static let golden = TestSupport.shared?.appendingPathComponent("golden")

    @Test(
        .enabled(if: golden != nil, "../shared is missing"),
        arguments: [
            ("emu2-tiny/chat", nil), ("emu2-tiny/chat", "emu2-tiny/chat-native/Emu2-Chat_pytorch_model.safetensors"),
            ("emu2-tiny-2/chat", nil),
        ])
    func emu2Agrees(_ set: String, _ model: String?) throws {
        let golden = try #require(Self.golden)
        let options = model.map { ["--model", golden.appendingPathComponent($0).path] } ?? []
        let result = try runner.start("bench", ["parity", golden.appendingPathComponent(set).path] + options).finish()
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        let items = try items(result)
        #expect(items.allSatisfy { $0[4] == "ok" })
        #expect(Set(items.filter { $0[0] == "-" }.map { $0[1] }) == Self.visionItems)
        #expect(Set(items.filter { $0[0] != "-" }.map { $0[1] }) == Self.textItems)
    }

    private static let visionItems: Set = ["pixels", "vit_hidden", "image_embeds", "projected", "frame_embeds"]
    private static let textItems: Set = [
        "input_ids", "last_logits", "greedy_ids", "greedy_text", "beam_ids", "beam_text",
    ]

    @Test(
        .enabled(if: golden != nil, "../shared is missing"), arguments: ["emu2-tiny/gen", "emu2-tiny-2/gen"])
    func emu2AgreesWhereItDrawsAndAnswers(_ set: String) throws {
        let result = try runner.bench("parity", try #require(Self.golden).appendingPathComponent(set).path)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        let items = try items(result)
        #expect(items.allSatisfy { $0[4] == "ok" })
        #expect(Self.textItems.isSubset(of: Set(items.map { $0[1] })))
        #expect(items.contains { $0[0] == "-" && $0[1] == "box_pixels" })
        for name in ["text", "edit", "subject", "autoencode"] {
            let own = Set(items.filter { $0[0] == name }.map { $0[1] })
            #expect(own.isSuperset(of: Self.drawingItems), "\(name): \(own)")
        }
        #expect(items.contains { $0[0] == "null" && $0[1] == "prompt" })
        #expect(items.contains { $0[0] == "autoencode" && $0[1] == "negative" })
    }

    @Test(.enabled(if: golden != nil, "../shared is missing"))
    func aConversionDrawsTheSame() throws {
        let gen = try #require(Self.golden).appendingPathComponent("emu2-tiny-2/gen").path
        let file = runner.folder.appendingPathComponent("gen.gguf").path
        let conversion = try runner.start("emuchat", ["convert", gen, "--type", "f32", "-o", file]).finish()
        #expect(conversion.status == 0 && !conversion.text.contains("left out"), "\(conversion.errorText)")
        #expect(!conversion.text.contains("vae."))
        let result = try runner.bench("parity", gen, "--model", file)
        #expect(result.status == 0, "\(result.text)\(result.errorText)")
        #expect(try items(result).count { $0[1] == "image" && $0[4] == "ok" } == 4)
        // Quantised, it draws something else, but something.
        let small = runner.folder.appendingPathComponent("small.gguf").path
        let quantised = try runner.start("emuchat", ["convert", gen, "--type", "q8_0", "-o", small]).finish()
        #expect(quantised.status == 0 && quantised.text.contains("as F16    vae.*: the autoencoder"))
        let drawn = try runner.start(
            "emuchat", ["draw", "--model", small, "--size", "64", "--steps", "2", "-o", "a.png", "cat"]
        ).finish()
        #expect(drawn.status == 0, "\(drawn.errorText)")
    }

    private static let drawingItems: Set = [
        "prompt", "timesteps", "sigmas", "noise_pred0", "latents1", "latents", "image",
    ]

    /// One weight of each part, changed by a hundredth of what is usual there.
    @Test(
        .enabled(if: golden != nil, "../shared is missing"),
        arguments: [
            ("visual.blocks.2.mlp.fc2.bias", "vit_hidden"), ("visual.pos_embed", "vit_hidden"),
            ("visual.blocks.0.attn.q_bias", "vit_hidden"), ("visual.blocks.1.norm2.weight", "vit_hidden"),
            ("project_up.weight", "projected"), ("decoder.lm.model.layers.1.self_attn.k_proj.weight", "last_logits"),
            ("decoder.lm.lm_head.weight", "last_logits"),
        ])
    func damagedWeightsAreFound(_ name: String, _ item: String) throws {
        let tiny = try #require(Self.golden).appendingPathComponent("emu2-tiny")
        let native = tiny.appendingPathComponent("chat-native/Emu2-Chat_pytorch_model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: native))
        let file = try SafetensorsFile(path: native.path)
        let tensor = try file.tensor(name)
        let base = try #require(file.mapping.bytes.baseAddress)
        let start = try #require(tensor.bytes.baseAddress) - base
        // All of a tensor's values a little larger: exponents stay what they are.
        for index in stride(from: start, to: start + tensor.bytes.count, by: 2) { bytes[index] ^= 0x40 }
        let damaged = runner.folder.appendingPathComponent("damaged.safetensors")
        try Data(bytes).write(to: damaged)
        let result = try runner.bench(
            "parity", tiny.appendingPathComponent("chat").path, "--model", damaged.path)
        #expect(result.status == 1)
        #expect(try items(result).contains { $0[1] == item && $0[4] == "FAIL" })
    }

    @Test(.enabled(if: golden != nil, "../shared is missing"))
    func eightBitsHardlyChangeWhatEmu2Says() throws {
        let chat = try #require(Self.golden).appendingPathComponent("emu2-tiny/chat")
        let file = runner.folder.appendingPathComponent("q8_0.gguf").path
        let dump = runner.folder.appendingPathComponent("dump").path
        let conversion = try runner.start("emuchat", ["convert", chat.path, "--type", "q8_0", "-o", file]).finish()
        #expect(conversion.status == 0, "\(conversion.errorText)")
        _ = try runner.bench("parity", chat.path, "--model", file, "--dump", dump)
        let (expected, found) = (
            try SafetensorsFile(path: chat.appendingPathComponent("golden.safetensors").path),
            try SafetensorsFile(path: dump + ".safetensors")
        )
        let names = expected.tensorNames.filter { $0.hasSuffix("last_logits") }
        #expect(names.count == 12)
        for name in names {
            let divergence = Self.divergence(try expected.floats(name), try found.floats(name))
            #expect(divergence < 0.01, "\(name): \(divergence)")
        }
    }

    /// Kullback-Leibler divergence of the probabilities of two rows of logits.
    private static func divergence(_ expected: [Float], _ found: [Float]) -> Double {
        func logarithms(_ logits: [Float]) -> [Double] {
            let greatest = Double(logits.max() ?? 0)
            let total = logits.reduce(0) { $0 + exp(Double($1) - greatest) }
            return logits.map { Double($0) - greatest - log(total) }
        }
        return zip(logarithms(expected), logarithms(found)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }

    @Test func oneWrongLogitIsFound() throws {
        let folder = try copy(named: "changed")
        let file = folder.appendingPathComponent("golden.safetensors")
        let golden = try SafetensorsFile(path: file.path)
        let tensors = try golden.tensorNames.enumerated().map { index, name in
            var values = try golden.floats(name)
            if index == 0 { values[values.count / 2] += 1 }
            return (name: name, shape: try golden.tensor(name).shape, values: values)
        }
        try SafetensorsWriter(tensors: tensors).data().write(to: file, options: .atomic)
        let result = try runner.bench("parity", folder.path)
        #expect(result.status == 1)
        let failed = try items(result).filter { $0[4] == "FAIL" }.map { "\($0[0]).\($0[1])" }
        #expect(failed == [golden.tensorNames[0]])
        #expect(result.errorLines.count == 1 && result.errorText.contains("1 of"))
    }

    @Test func aWrongIdIsFound() throws {
        let folder = try copy(named: "changed")
        let file = folder.appendingPathComponent("golden.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacing(#""greedy_text": ""#, with: #""greedy_text": "x"#)
        #expect(changed != text)
        try changed.write(to: file, atomically: true, encoding: .utf8)
        let result = try runner.bench("parity", folder.path)
        #expect(result.status == 1)
        #expect(try items(result).filter { $0[4] == "FAIL" }.allSatisfy { $0[1] == "greedy_text" })
    }

    @Test func whatCannotBeComputedFails() throws {
        let folder = try copy(named: "other")
        try Data("no model".utf8).write(to: folder.appendingPathComponent("tiny-llama-q4_1.gguf"))
        let result = try runner.bench("parity", folder.path)
        #expect(result.status == 1)
        let items = try items(result)
        #expect(items.count >= 8 && items.allSatisfy { $0[4] == "FAIL" })
    }

    @Test func unreadableInputIsStatusTwo() throws {
        let empty = runner.folder.appendingPathComponent("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        for path in [empty.path, "/nowhere", ProgramRunner.tinyModel] {
            let result = try runner.bench("parity", path)
            #expect(result.status == 2 && result.output.isEmpty && result.errorLines.count == 1, "\(result.errorText)")
        }
        let damaged = try copy(named: "damaged")
        try Data([1, 2, 3]).write(to: damaged.appendingPathComponent("golden.safetensors"))
        #expect(try runner.bench("parity", damaged.path).status == 2)
    }

    @Test func everythingComputedCanBeDumped() throws {
        let out = runner.folder.appendingPathComponent("dump").path
        let result = try runner.bench("parity", recorded.path, "--dump", out)
        #expect(result.status == 0)
        let golden = try SafetensorsFile(path: recorded.appendingPathComponent("golden.safetensors").path)
        let dumped = try SafetensorsFile(path: out + ".safetensors")
        #expect(Set(dumped.tensorNames) == Set(golden.tensorNames))
        for name in golden.tensorNames { #expect(try dumped.tensor(name).shape == golden.tensor(name).shape) }
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: out + ".json")))
                as? [String: [[String: Any]]])
        #expect(Set(json.keys) == ["cases", "text_cases"])
        let first = try #require(json["text_cases"]?.first { $0["name"] as? String == "raw_text" })
        let answer = try RecordedAnswer.named("raw_text")
        #expect(first["input_ids"] as? [Int] == answer.inputIDs.map(Int.init))
        #expect(first["greedy_ids"] as? [Int] == answer.greedyIDs.map(Int.init))
        #expect(first["greedy_text"] as? String == answer.greedyText)
        let refused = try runner.bench("parity", recorded.path, "--dump", "/nowhere/dump")
        #expect(refused.status == 1 && refused.errorText.contains("/nowhere/dump"))
    }

    @Test func speedPrintsEveryKey() throws {
        let result = try runner.bench(
            "speed", "--model", ProgramRunner.tinyModel, "--prompt", "16", "--generate", "8", "--depth", "4",
            "--threads",
            "2", "--runs", "3")
        #expect(result.status == 0 && result.errorText == "")
        let json = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let rates = ["load_seconds", "first_token_seconds", "prefill_tokens_per_second", "decode_tokens_per_second"]
        let others = [
            "model", "model_bytes", "weight_type", "kernel", "precision", "threads", "prompt", "generate", "depth",
            "runs", "peak_rss_bytes", "samples",
        ]
        #expect(Set(json.keys) == Set(rates + others))
        for key in ["model", "weight_type", "kernel", "precision"] { #expect(json[key] is String, "\(key)") }
        for (key, value) in ["threads": 2, "prompt": 16, "generate": 8, "depth": 4, "runs": 3, "model_bytes": 115_296] {
            #expect(json[key] as? Int == value, "\(key)")
        }
        let samples = try #require(json["samples"] as? [[String: Double]])
        #expect(samples.count == 3 && samples.allSatisfy { Set($0.keys) == Set(rates) })
        for key in rates {
            let values = samples.compactMap { $0[key] }.sorted()
            #expect(values.allSatisfy { $0 > 0 } && json[key] as? Double == values[1], "\(key) is the median")
        }
        #expect((json["peak_rss_bytes"] as? Int ?? 0) > 1 << 20)
    }

    @Test func drawingIsMeasured() throws {
        let model = runner.folder.appendingPathComponent("gen.gguf").path
        #expect(try runner.bench("synth", "--shape", "emu2-gen-tiny", "--type", "q8_0", "-o", model).status == 0)
        let options = ["draw", "--model", model, "--size", "32x48", "--runs", "2", "--steps", "10", "--threads", "1"]
        let result = try runner.start("bench", options).finish()
        #expect(result.status == 0 && result.errorText == "", "\(result.errorText)")
        let json = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        #expect(
            Set(json.keys) == ["model", "width", "height", "steps", "threads", "runs", "results", "peak_rss_bytes"])
        #expect(json["width"] as? Int == 32 && json["height"] as? Int == 48 && json["threads"] as? Int == 1)
        let results = try #require(json["results"] as? [[String: Any]])
        #expect(results.compactMap { $0["precision"] as? String } == ["fast", "exact"])
        var operations = Set<Double>()
        for (result, limits) in zip(results, [["int8", "bf16"], ["fp32", "fp32"]]) {
            var picture = 0.0
            for (part, (limit, times)) in zip(["step", "decoding"], zip(limits, [10.0, 1])) {
                let content = try #require(result[part] as? [String: Any])
                #expect(content["limit"] as? String == limit)
                #expect((content["samples"] as? [Double])?.count == 2)
                let seconds = try #require(content["seconds"] as? Double)
                picture += times * seconds
                let share = try #require(content["share_of_limit"] as? Double)
                #expect(seconds > 0 && share > 0 && share < 1.5)
                operations.insert(try #require(content["operations"] as? Double))
            }
            #expect(abs(try #require(result["picture_seconds"] as? Double) - picture) < 1e-6)
        }
        #expect(operations.count == 2, "the same work in both precisions")
        let single = try runner.bench("draw", "--model", model, "--size", "32", "--runs", "1", "--precision", "exact")
        #expect(single.text.contains("exact") && !single.text.contains("\"fast\""))
        let odd = try runner.bench("draw", "--model", model, "--size", "33")
        #expect(odd.status == 1 && odd.errorText.contains("--size") && odd.errorText.contains("multiples of 2"))
        let blind = try runner.bench("draw", "--model", ProgramRunner.tinyModel)
        #expect(blind.status == 1 && blind.errorText.contains("draws nothing"), "\(blind.errorText)")
    }

    @Test func encodingIsMeasured() throws {
        let model = runner.folder.appendingPathComponent("emu2.gguf").path
        #expect(try runner.bench("synth", "--shape", "emu2-tiny", "--type", "f16", "-o", model).status == 0)
        let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
        func report(_ options: String...) throws -> [String: Any] {
            let arguments = ["encode", "--model", model, "--image", picture] + options
            let result = try runner.start("bench", arguments).finish()
            #expect(result.status == 0 && result.errorText == "")
            return try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        }
        let json = try report("--runs", "3", "--threads", "1")
        #expect(
            Set(json.keys) == [
                "model", "image", "image_width", "image_height", "seen_width", "seen_height", "tokens", "layers",
                "precision", "kernel", "threads", "runs", "read_seconds", "load_seconds", "encode_seconds", "samples",
                "workspace_bytes", "peak_rss_bytes", "features_sha256",
            ])
        for (key, value) in ["seen_width": 112, "tokens": 16, "layers": 2, "threads": 1, "runs": 3] {
            #expect(json[key] as? Int == value, "\(key)")
        }
        let samples = try #require(json["samples"] as? [Double])
        #expect(samples.count == 3 && json["encode_seconds"] as? Double == samples.sorted()[1])
        let digest = try #require(json["features_sha256"] as? String)
        #expect(digest.count == 64)
        #expect(try report()["features_sha256"] as? String == digest)
        #expect(try report("--precision", "fast")["features_sha256"] as? String != digest)
        let blind = try runner.bench("encode", "--model", ProgramRunner.tinyModel, "--image", picture)
        #expect(blind.status == 1 && blind.errorText.contains("cannot see pictures"))
        let missing = try runner.bench("encode", "--model", model, "--image", "gone.png")
        #expect(missing.status == 1 && missing.errorText.contains("gone.png"))
    }

    @Test func wrongUsageIsStatusTwo() throws {
        #expect(try runner.bench("speed", "--prompt", "0").status == 2)
        #expect(try runner.bench("speed", "--runs", "x").status == 2)
        #expect(try runner.bench("parity").status == 2)
        #expect(
            try runner.bench("speed", "--model", ProgramRunner.tinyModel, "--context", "16", "--prompt", "64").status
                == 2)
    }
}

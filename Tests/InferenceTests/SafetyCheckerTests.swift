import Conversion
import Foundation
import ModelFiles
import Pixels
import Tensor
import TestSupport
import Testing

@testable import Models

/// The safety checker against diffusers: a picture for each way to a verdict.
@Suite struct SafetyCheckerTests {
    private let pool = ThreadPool(threadCount: 2)

    @Test(arguments: SafetyFixture.names) func whatIsSeenOfAPictureAgrees(_ name: String) throws {
        let fixture = try SafetyFixture(name)
        let preprocessing = try fixture.checker().transformer.preprocessing
        for index in 0..<(try fixture.count()) {
            let found = try preprocessing.pixels(of: fixture.picture(index))
            let expected = try fixture.golden.floats("pixels.\(index)")
            #expect(found.count == expected.count)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(name), picture \(index)")
        }
    }

    @Test(arguments: SafetyFixture.names) func everyScoreAgrees(_ name: String) throws {
        let fixture = try SafetyFixture(name)
        let checker = try fixture.checker()
        let flagged = try fixture.golden.floats("flagged")
        // Of both kinds, and special care as well.
        #expect(flagged.contains(0) && flagged.contains(1) && flagged.count == 6)
        for index in flagged.indices {
            let cosines = try #require(
                try checker.cosines(pixels: fixture.golden.floats("pixels.\(index)"), pool: pool))
            for (found, item) in [(cosines.special, "special_cosines"), (cosines.concepts, "cosines")] {
                let expected = try fixture.row(item, index)
                #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 2e-6 })
            }
            let verdict = try #require(try checker.verdict(on: fixture.picture(index), pool: pool))
            let words = Comment(rawValue: "\(name), picture \(index)")
            #expect(try verdict.specialScores.map(Float.init) == fixture.row("special_scores", index), words)
            #expect(try verdict.scores.map(Float.init) == fixture.row("scores", index), words)
            #expect(verdict.isFlagged == (flagged[index] == 1), words)
        }
    }

    /// Rounding in 8 and 16 bits moves no verdict by more than what it moves cosines.
    @Test(arguments: SafetyFixture.names) func fastPrecisionScoresNearlyTheSame(_ name: String) throws {
        let fixture = try SafetyFixture(name)
        let pipeline = try fixture.pipeline()
        defer { try? FileManager.default.removeItem(at: pipeline.deletingLastPathComponent()) }
        let file = try #require(try DiffusionCheckpoint.file(path: pipeline.path))
        let packer = WeightPacker(pool: pool) { _ in }
        let checker = try #require(
            try DiffusionDecoder(file: file, loading: WeightLoading(packer: packer)).safetyChecker)
        for index in 0..<(try fixture.count()) {
            let verdict = try #require(try checker.verdict(on: fixture.picture(index), pool: pool))
            let expected = try fixture.row("scores", index)
            #expect(zip(verdict.scores, expected).allSatisfy { abs($0 - Double($1)) < 0.02 })
        }
    }

    @Test func itStopsBetweenBlocks() throws {
        let fixture = try SafetyFixture("usual")
        let checker = try fixture.checker()
        var done = [Int]()
        let stopped = try checker.verdict(
            on: fixture.picture(0), pool: pool, isCancelled: { !done.isEmpty }, progress: { done.append($0) })
        #expect(stopped == nil && done == [1])
        done = []
        #expect(try checker.verdict(on: fixture.picture(0), pool: pool, progress: { done.append($0) }) != nil)
        #expect(done == [1, 2, 3])
    }

    // MARK: Layouts

    @Test func aPipelineWithoutOneHasNone() throws {
        #expect(try DiffusionFixture("usual").decoder().safetyChecker == nil)
    }

    /// One file with all tensors, as Emu2-Gen's native checkpoint.
    @Test func theNativeLayoutIsTheSameChecker() throws {
        let fixture = try SafetyFixture("other")
        let pipeline = try fixture.pipeline()
        let folder = pipeline.deletingLastPathComponent()
        defer { try? FileManager.default.removeItem(at: folder) }
        var tensors = try fixture.tensors().map {
            (name: "safety_checker.\($0.name)", shape: $0.shape, values: $0.values)
        }
        for part in ["unet", "vae"] {
            let file = try SafetensorsFile(
                path: pipeline.appendingPathComponent("\(part)/diffusion_pytorch_model.safetensors").path)
            for name in file.tensorNames {
                tensors.append(("\(part).\(name)", try file.tensor(name).shape, try file.floats(name)))
            }
        }
        let path = folder.appendingPathComponent("native.safetensors").path
        try SafetensorsWriter(tensors: tensors).data().write(to: URL(fileURLWithPath: path))
        let file = try #require(try DiffusionCheckpoint.file(path: path, configurationFolders: [pipeline.path]))
        let decoder = try DiffusionDecoder(file: file)
        #expect(try decoder.parameterCount == DiffusionFixture.decoder(pipeline).parameterCount)
        let (native, expected) = (try #require(decoder.safetyChecker), try fixture.checker())
        for index in [0, 2] {
            let picture = try fixture.picture(index)
            #expect(try native.verdict(on: picture, pool: pool) == expected.verdict(on: picture, pool: pool))
        }
        // Alone it is taken for one of the published size, which it is not.
        let alone = try #require(
            try DiffusionCheckpoint.file(path: path, configurationFolders: [DiffusionFixture("usual").folder.path]))
        let error = #expect(throws: ModelError.self) { try DiffusionDecoder(file: alone) }
        #expect(error?.description.contains("safety_checker.") == true)
    }

    /// Scores are held against thresholds: no type of file rounds them away.
    @Test(arguments: TargetType.allCases) func everyTypeKeepsIt(_ type: TargetType) throws {
        let tower = "safety_checker.v.blk.0.ffn_up.weight"
        let usual: GGMLType = type == .f32 ? .f32 : .f16
        #expect(type.storage(of: tower, shape: [1024, 4096]) == usual)
        #expect(type.storage(of: "safety_checker.v.patch_embd.weight", shape: [14, 14, 3, 1024]) == usual)
        for name in ["concept_embeds", "special_care_embeds"] {
            #expect(type.storage(of: "safety_checker.\(name)", shape: [768, 17]) == .f32)
            #expect(type.storage(of: "safety_checker.\(name)_weights", shape: [17]) == .f32)
        }
    }

    // MARK: Hostile files

    /// What loading a pipeline says whose checker was changed.
    private func refusal(_ change: (URL) throws -> Void) throws -> String {
        let pipeline = try SafetyFixture("usual").pipeline()
        defer { try? FileManager.default.removeItem(at: pipeline.deletingLastPathComponent()) }
        try change(pipeline)
        do {
            _ = try DiffusionFixture.decoder(pipeline)
            return ""
        } catch let error as ModelError { return error.description }
    }

    @Test(arguments: [
        ("hidden_size", "0"), ("hidden_size", "33"), ("hidden_size", "null"), ("num_attention_heads", "5"),
        ("num_attention_heads", "1e9"), ("image_size", "21"), ("image_size", "[20, 20]"), ("image_size", "8192"),
        ("patch_size", "0"), ("patch_size", "5"), ("num_channels", "4"), ("hidden_act", "\"relu\""),
        ("layer_norm_eps", "-1"), ("layer_norm_eps", "\"small\""), ("intermediate_size", "63"),
        ("num_hidden_layers", "4"), ("num_hidden_layers", "60000"), ("num_hidden_layers", "2"),
    ])
    func aSizeThatIsNotAllowedIsNamed(_ key: String, _ value: String) throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        let found = try refusal { pipeline in
            let file = pipeline.appendingPathComponent("safety_checker/config.json")
            var content = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
            var vision = content["vision_config"] as? [String: Any] ?? [:]
            vision[key] = parsed
            content["vision_config"] = vision
            content["vision_config_dict"] = nil
            try JSONSerialization.data(withJSONObject: content).write(to: file)
        }
        // Either the key is, or a tensor that does not fit it.
        let part = key == "hidden_size" ? "" : key
        #expect(
            found.contains("safety_checker.vision_config.\(part)") || found.contains("safety_checker.v."), "\(found)")
    }

    @Test(arguments: [
        ("safety_checker/config.json", "projection_dim", "25"), ("safety_checker/config.json", "projection_dim", "0"),
        ("safety_checker/config.json", "vision_config", "7"), ("safety_checker/config.json", "vision_config", "[]"),
        ("feature_extractor/preprocessor_config.json", "resample", "2"),
        ("feature_extractor/preprocessor_config.json", "do_center_crop", "false"),
        ("feature_extractor/preprocessor_config.json", "crop_size", "24"),
        ("feature_extractor/preprocessor_config.json", "crop_size", "{\"height\": 20, \"width\": 21}"),
        ("feature_extractor/preprocessor_config.json", "crop_size", "{}"),
        ("feature_extractor/preprocessor_config.json", "size", "19"),
        ("feature_extractor/preprocessor_config.json", "size", "{\"height\": 20, \"width\": 20}"),
        ("feature_extractor/preprocessor_config.json", "size", "1e12"),
        ("feature_extractor/preprocessor_config.json", "image_std", "[0, 1, 1]"),
        ("feature_extractor/preprocessor_config.json", "image_mean", "[0, 1]"),
        ("feature_extractor/preprocessor_config.json", "image_mean", "\"grey\""),
    ])
    func aSettingThatIsNotAllowedIsNamed(_ file: String, _ key: String, _ value: String) throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        let found = try refusal { try DiffusionFixture.change($0.appendingPathComponent(file), [key: parsed]) }
        let part = String(file.prefix { $0 != "/" })
        #expect(
            found.contains("\(part).\(key)") || key == "projection_dim" && found.contains("safety_checker.v.projection")
                || key == "vision_config" && found.contains("safety_checker."), "\(found)")
    }

    @Test func tensorsThatAreMissingMisshapenOrNoNumbersAreNamed() throws {
        let fixture = try SafetyFixture("usual")
        func refusal(_ changes: [String: (shape: [Int], values: [Float])?]) throws -> String {
            try self.refusal { pipeline in
                try SafetensorsWriter(tensors: fixture.tensors(changes)).data()
                    .write(to: pipeline.appendingPathComponent("safety_checker/model.safetensors"))
            }
        }
        #expect(try refusal([:]) == "")
        for tensor in try fixture.tensors() {
            // The loader's own name; of a bias the weight's, of which it is a part.
            let own = "safety_checker." + SafetyCheckerNames.own(tensor.name)
            #expect(SafetyCheckerNames.own(tensor.name) != tensor.name || tensor.name.contains("_embeds"))
            #expect(try refusal([tensor.name: nil]).contains(own), "\(tensor.name) is missing")
            #expect(try refusal([tensor.name: ([1], [1])]).contains(own), "\(tensor.name) is misshapen")
        }
        for name in ["concept_embeds", "special_care_embeds_weights"] {
            let tensor = try #require(try fixture.tensors().first { $0.name == name })
            for value in [Float.nan, .infinity] {
                var values = tensor.values
                values[values.count - 1] = value
                let found = try refusal([name: (tensor.shape, values)])
                #expect(found.contains("safety_checker.\(name)") && found.contains("finite"), "\(found)")
            }
        }
        #expect(
            try refusal(["vision_model.extra.weight": ([2], [1, 2])]).contains("safety_checker.vision_model.extra"))
        let twice = try #require(try fixture.tensors().first { $0.name.hasSuffix("pre_layrnorm.bias") })
        #expect(try refusal(["pre_layrnorm.bias": (twice.shape, twice.values)]).contains("pre_layrnorm.bias"))
    }

    /// A picture is not let through because nothing can be said of it.
    @Test func weightsThatAreNoNumbersLetNothingPass() throws {
        let fixture = try SafetyFixture("usual")
        let pipeline = try fixture.pipeline()
        defer { try? FileManager.default.removeItem(at: pipeline.deletingLastPathComponent()) }
        let name = "vision_model.vision_model.post_layernorm.bias"
        let tensor = try #require(try fixture.tensors().first { $0.name == name })
        try SafetensorsWriter(
            tensors: fixture.tensors([name: (tensor.shape, [Float](repeating: .nan, count: tensor.values.count))])
        ).data().write(to: pipeline.appendingPathComponent("safety_checker/model.safetensors"))
        let checker = try #require(try DiffusionFixture.decoder(pipeline).safetyChecker)
        let error = #expect(throws: ModelError.noVerdict(path: pipeline.path)) {
            try checker.verdict(on: fixture.picture(0), pool: pool)
        }
        #expect(error?.description.contains("get the model again") == true)
    }

    @Test func aFileThatIsMissingOrBrokenIsNamed() throws {
        for file in ["safety_checker/config.json", "safety_checker/model.safetensors"] {
            #expect(
                try refusal { try FileManager.default.removeItem(at: $0.appendingPathComponent(file)) }
                    .contains("safety_checker"), "\(file) is missing")
        }
        for file in [
            "safety_checker/config.json", "safety_checker/model.safetensors",
            "feature_extractor/preprocessor_config.json",
        ] {
            #expect(
                try !refusal { try Data("{\"a\": ".utf8).write(to: $0.appendingPathComponent(file)) }.isEmpty,
                "\(file) is broken")
        }
        // Without it pictures are seen as CLIP usually sees them: of this side.
        #expect(
            try refusal { try FileManager.default.removeItem(at: $0.appendingPathComponent("feature_extractor")) } == ""
        )
    }
}

import Conversion
import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// Every form of EVA's encoders against timm, from checkpoints in the published layout and from their conversions.
@Suite struct EvaFormsTests {
    /// The largest difference relative to the largest expected value.
    private func difference(_ found: [Float], _ expected: [Float]) -> Float {
        guard found.count == expected.count else { return .infinity }
        let largest = expected.reduce(0) { max($0, abs($1)) }
        return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
    }

    @Test(arguments: EvaFixture.names) func agreesWithTimm(name: String) throws {
        let fixture = try EvaFixture(name)
        let found = try fixture.withCheckpoint { try fixture.computed(from: $0) }
        let difference = try difference(found, fixture.hidden)
        #expect(difference < 5e-6, "\(name): \(difference)")
    }

    @Test(arguments: EvaFixture.names) func aConversionKeepsTheFormAndTheBits(name: String) throws {
        let fixture = try EvaFixture(name)
        try fixture.withCheckpoint { folder in
            let expected = try fixture.computed(from: folder)
            let checkpoint = try Emu2Checkpoint(Checkpoint(path: folder))
            // The weights are exact in F16, too.
            for type in [TargetType.f32, .f16] {
                let path = "\(folder)/\(type.rawValue).gguf"
                try Converter(checkpoint, type: type).write(
                    to: path, threadCount: 1, isCancelled: { false }, progress: { _, _ in })
                #expect(try fixture.computed(from: path) == expected, "\(type)")
                let file = try GGUFFile(path: path)
                #expect(try file.bool("emu2.vision.sub_norm") == (name == "large" || name == "subnormed"))
                #expect(try file.bool("emu2.vision.swiglu") == (name == "large" || name == "gated"))
                #expect(file.contains("emu2.vision.rope.grid_side") == (name == "large" || name == "rotated"))
            }
        }
    }

    @Test(arguments: EvaFixture.names) func fastPrecisionPointsTheSameWay(name: String) throws {
        let fixture = try EvaFixture(name)
        let packer = WeightPacker(pool: ThreadPool(threadCount: 1)) { _ in }
        let found = try fixture.withCheckpoint { try fixture.computed(from: $0, packer: packer) }
        let expected = try fixture.hidden
        func product(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let cosine =
            product(found, expected) / (product(found, found) * product(expected, expected)).squareRoot()
        #expect(cosine > 0.9995)
    }

    /// Without a switch of EVA-02 the encoder is Emu2's, whose norms stand behind; with one it is not.
    @Test func normsStandWhereTheFormHasThemWhenNothingIsSaid() throws {
        for name in ["enormous", "large"] {
            var fixture = try EvaFixture(name)
            fixture.vision["postnorm"] = nil
            let found = try fixture.withCheckpoint { try fixture.computed(from: $0) }
            #expect(try difference(found, fixture.hidden) < 5e-6, "\(name)")
        }
    }

    /// What no tensor shows changes what is computed.
    @Test(arguments: [
        ("giant", "postnorm", true), ("enormous", "postnorm", false), ("rotated", "rope", false),
        ("enormous", "rope", true), ("large", "postnorm", true),
    ])
    func aSwitchThatNoTensorShowsIsHeeded(name: String, key: String, value: Bool) throws {
        var fixture = try EvaFixture(name)
        fixture.vision[key] = value
        if key == "rope" { fixture.vision["pt_hw_seq_len"] = 4 }
        let found = try fixture.withCheckpoint { try fixture.computed(from: $0) }
        #expect(try difference(found, fixture.hidden) > 1e-2)
    }

    @Test func positionsLieBetweenThoseOfTheTrainedGrid() throws {
        var fixture = try EvaFixture("large")
        fixture.vision["pt_hw_seq_len"] = 5
        let found = try fixture.withCheckpoint { try fixture.computed(from: $0) }
        #expect(try difference(found, fixture.hidden) > 1e-2)
    }

    /// A configuration of another form than the weights.
    struct Mismatch: Sendable, CustomStringConvertible {
        let form: String
        let key: String
        let value: String
        let named: String

        var description: String { "\(form), \(key): \(value)" }
    }

    @Test(arguments: [
        Mismatch(form: "large", key: "subln", value: "false", named: "visual.blocks.0.attn.qkv.weight"),
        Mismatch(form: "large", key: "naiveswiglu", value: "false", named: "visual.blocks.0.mlp.w1.bias"),
        Mismatch(form: "enormous", key: "subln", value: "true", named: "visual.blocks.0.attn.q_proj.weight"),
        Mismatch(form: "enormous", key: "naiveswiglu", value: "true", named: "visual.blocks.0.mlp.w1.weight"),
        Mismatch(form: "enormous", key: "qkv_bias", value: "false", named: "visual.blocks.0.attn.q_bias"),
        Mismatch(form: "subnormed", key: "qkv_bias", value: "true", named: "visual.blocks.0.attn.q_bias"),
        Mismatch(form: "large", key: "intp_freq", value: "false", named: "vision_config.pt_hw_seq_len"),
        Mismatch(form: "large", key: "pt_hw_seq_len", value: "0", named: "vision_config.pt_hw_seq_len"),
        Mismatch(form: "large", key: "pt_hw_seq_len", value: "-3", named: "vision_config.pt_hw_seq_len"),
        Mismatch(form: "large", key: "pt_hw_seq_len", value: "9000000000", named: "vision_config.pt_hw_seq_len"),
        Mismatch(form: "enormous", key: "rope", value: "true", named: "vision_config.pt_hw_seq_len"),
        Mismatch(form: "large", key: "head_width", value: "2", named: "vision_config.head_width"),
    ])
    func aConfigurationOfAnotherFormIsRefusedByName(mismatch: Mismatch) throws {
        var fixture = try EvaFixture(mismatch.form)
        fixture.vision[mismatch.key] = try JSONSerialization.jsonObject(
            with: Data(mismatch.value.utf8), options: .fragmentsAllowed)
        try expectRefusal(fixture, naming: mismatch.named)
    }

    @Test func aFormThatIsNotCompleteIsRefusedByName() throws {
        // Between them they have every tensor.
        for name in ["large", "enormous"] {
            let whole = try EvaFixture(name)
            for tensor in whole.tensors.keys where !tensor.contains(".blocks.1.") {
                var fixture = whole
                fixture.tensors[tensor] = nil
                // Without a weight there is no norm, and its bias is one too many.
                let named = tensor == "visual.norm.weight" ? "visual.norm.bias" : tensor
                try expectRefusal(fixture, naming: named)
            }
        }
    }

    /// A bias of the keys changes nothing where they are not rotated, so that only its presence tells of another model.
    @Test func keysHaveNoBias() throws {
        var fixture = try EvaFixture("enormous")
        fixture.tensors["visual.blocks.0.attn.k_bias"] = ([24], [Float](repeating: 1, count: 24))
        try expectRefusal(fixture, naming: "visual.blocks.0.attn.k_bias")
    }

    private func expectRefusal(_ fixture: EvaFixture, naming name: String) throws {
        try fixture.withCheckpoint { folder in
            let error = #expect(throws: ModelError.self) { try ModelRegistry.open(path: folder) }
            #expect(error?.description.contains(name) == true, "\(name): \(error?.description ?? "")")
        }
    }

    /// EVA-02-CLIP's files carry their rotations, and what compares a picture with a text.
    @Test func whatChangesNothingIsLeftOut() throws {
        var fixture = try EvaFixture("large")
        for name in [
            "visual.rope.freqs_cos", "visual.rope.freqs_sin", "visual.blocks.1.attn.rope.freqs_cos",
            "visual.blocks.0.attn.rope.freqs_sin", "visual.head.weight", "visual.head.bias",
        ] {
            fixture.tensors[name] = ([3], [7, 8, 9])
        }
        let found = try fixture.withCheckpoint { try fixture.computed(from: $0) }
        #expect(try difference(found, fixture.hidden) < 5e-6)
    }
}

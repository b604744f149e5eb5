import Foundation
import ModelFiles
import TestSupport
import Testing

@Suite struct GoldenCheckpoints {
    private static let golden = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny")

    @Test(.enabled(if: golden != nil, "../shared is missing"))
    func shardsAndTheNativeFileHoldTheSameWeights() throws {
        let golden = try #require(Self.golden)
        let shards = try Checkpoint(path: golden.appendingPathComponent("chat").path)
        let native = try Checkpoint(path: golden.appendingPathComponent("chat-native").path)
        #expect(shards.files.count == 2)
        #expect(native.files.count == 1)
        var compared = 0
        for name in native.tensorNames where !name.hasSuffix(".inv_freq") {
            let half = try #require(native.tensors[name])
            let single = try #require(shards.tensors[name.hasPrefix("project_") ? name : "model." + name])
            #expect(half.type == .f16 && single.type == .f32)
            #expect(half.shape == single.shape)
            #expect(half.bytes.count * 2 == single.bytes.count)
            // The beginning of each tensor; together the tensors are 4.7 million numbers.
            for index in 0..<min(half.bytes.count / 2, 2000) {
                let narrow = half.bytes.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self)
                let wide = single.bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
                try #require(Float(narrow) == wide)
            }
            compared += 1
        }
        #expect(compared == shards.tensors.count)
    }

    @Test(.enabled(if: golden != nil, "../shared is missing"))
    func aFolderOfDiffusersGivesItsEncoder() throws {
        let golden = try #require(Self.golden)
        let whole = try Checkpoint(path: golden.appendingPathComponent("gen").path)
        let encoder = try Checkpoint(path: golden.appendingPathComponent("gen/multimodal_encoder").path)
        #expect(whole.tensorNames == encoder.tensorNames)
        #expect(whole.files.map(\.path).allSatisfy { $0.contains("/model.bf16-0000") })
        #expect(whole.tensors.values.allSatisfy { $0.type == .bf16 })
        for checkpoint in [whole, encoder] {
            #expect(checkpoint.companion("config.json")?.contains("multimodal_encoder/config.json") == true)
            #expect(checkpoint.companion("tokenizer.model") != nil)
        }
    }
}

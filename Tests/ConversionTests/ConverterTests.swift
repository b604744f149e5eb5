import Conversion
import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// A small checkpoint with random weights, in a folder of its own that goes with it.
final class SmallCheckpoint {
    let folder: URL
    var source: String { folder.appendingPathComponent("source").path }
    var output: String { folder.appendingPathComponent("model.gguf").path }

    init(type: ElementType = .f32, seed: UInt64 = 1) throws {
        folder = try TestSupport.temporaryFolder()
        try SyntheticModel(shape: "emu2-tiny").writeCheckpoint(
            to: source, type: type, seed: seed, threadCount: 2, shardBytes: 6 << 20, isCancelled: { false },
            progress: { _, _ in })
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    func converter(_ type: TargetType) throws -> Converter {
        try Converter(Emu2Checkpoint(Checkpoint(path: source)), type: type)
    }

    /// Converts without interruption to a file beside the one that tests look at.
    func whole(_ type: TargetType) throws -> Data {
        let path = folder.appendingPathComponent("whole.gguf").path
        try converter(type).write(to: path, threadCount: 2, isCancelled: { false }, progress: { _, _ in })
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    func exists(_ suffix: String) -> Bool { FileManager.default.fileExists(atPath: output + suffix) }
}

private func values(_ tensor: GGUFTensor) throws -> [Float] {
    try #require(Kernels.widen(type: tensor.type, bytes: tensor.bytes, count: tensor.elementCount))
}

@Suite struct Converting {
    @Test(arguments: TargetType.allCases) func theFileHoldsTheCheckpointsWeights(type: TargetType) throws {
        let small = try SmallCheckpoint()
        let converter = try small.converter(type)
        try converter.write(to: small.output, threadCount: 3, isCancelled: { false }, progress: { _, _ in })
        let (file, source) = (try GGUFFile(path: small.output), try ModelRegistry.open(path: small.source))
        #expect(file.size == converter.size)
        #expect(file.tensorNames == source.tensorNames)
        #expect(Set(source.metadata.keys).union(["general.file_type"]) == Set(file.metadata.keys))
        for name in file.tensorNames {
            let (found, original) = (try file.tensor(name), try source.tensor(name))
            #expect(found.shape == original.shape)
            let isVector = found.shape.count < 2 || name == "v.position_embd.weight"
            let blocks = found.shape[0] % type.storage.blockSize == 0
            let isKept = type == .q8_0 && name.hasPrefix("v.")
            #expect(found.type == (isVector ? .f32 : blocks && !isKept ? type.storage : .f16), "\(name)")
            let (kept, given) = (try values(found), try values(original))
            if found.type == .f32 {
                #expect(kept == given)
            } else {
                // Half a step of 4 bits over the range of a block, or better.
                let greatest = given.reduce(0) { max($0, abs($1)) }
                let worst = zip(kept, given).reduce(0) { max($0, abs($1.0 - $1.1)) }
                #expect(
                    worst <= greatest * (found.type == .f16 ? 0x1p-11 : found.type == .q8_0 ? 0x1p-7 : 0.14), "\(name)")
            }
        }
    }

    @Test func rowsThatAreNoWholeBlocksBecomeHalvesAndAreListed() throws {
        let small = try SmallCheckpoint()
        #expect(try small.converter(.q8_0).fallbacks.map(\.name) == ["v.patch_embd.weight"])
        #expect(try small.converter(.q8_0).fallbacks.map(\.columns) == [14])
        // No row of this model has 256 weights.
        let file = try small.converter(.q4_k)
        #expect(file.fallbacks.count == file.checkpoint.tensors.filter { $0.shape.count > 1 }.count - 1)
        #expect(file.counts[.q4_K] == nil)
        #expect(try small.converter(.f16).fallbacks.isEmpty)
    }

    @Test func theBytesDependNeitherOnThreadsNorOnPieces() throws {
        let small = try SmallCheckpoint(type: .bf16)
        let whole = try small.whole(.q4_0)
        for (threads, piece) in [(1, 1000), (5, 70_000), (2, 1 << 30)] {
            try small.converter(.q4_0).write(
                to: small.output, threadCount: threads, pieceBytes: piece, isCancelled: { false }, progress: { _, _ in }
            )
            #expect(try Data(contentsOf: URL(fileURLWithPath: small.output)) == whole)
        }
    }

    @Test func aWeightThatIsNoNumberIsNamed() throws {
        let small = try SmallCheckpoint()
        let checkpoint = try Checkpoint(path: small.source)
        let tensor = try #require(checkpoint.tensors["model.decoder.lm.model.layers.1.mlp.up_proj.weight"])
        let shard = try #require(checkpoint.files.first { $0.path == tensor.path })
        let begin = try #require(shard.bytes.baseAddress)
        let address = try #require(tensor.bytes.baseAddress)
        // Row 7, column 3.
        let offset = begin.distance(to: address) + 4 * (64 * 7 + 3)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: tensor.path))
        withUnsafeBytes(of: Float.nan.bitPattern) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
        try bytes.write(to: URL(fileURLWithPath: tensor.path))
        #expect {
            try small.converter(.q8_0).write(
                to: small.output, threadCount: 1, isCancelled: { false }, progress: { _, _ in })
        } throws: { error in
            guard case ConversionError.notStorable(_, "blk.1.ffn_up.weight", let row, "Q8_0") = error else {
                return false
            }
            return row <= 7
        }
        #expect(!small.exists(""))
    }
}

@Suite struct ConvertingAgain {
    @Test(arguments: [0, 1, 5, 40]) func whatWasStoppedGoesOn(stoppedAfter: Int) throws {
        let small = try SmallCheckpoint()
        let whole = try small.whole(.q8_0)
        var (pieces, kept) = (0, 0)
        #expect {
            try small.converter(.q8_0).write(
                to: small.output, threadCount: 2, pieceBytes: 50_000, isCancelled: { pieces >= stoppedAfter },
                progress: { _, _ in pieces += 1 })
        } throws: { error in
            guard case ConversionError.cancelled(_, let written, whole.count) = error else { return false }
            kept = written
            return written < whole.count
        }
        #expect(!small.exists("") && small.exists(".part"))
        var first: Int?
        try small.converter(.q8_0).write(
            to: small.output, threadCount: 1, pieceBytes: 30_000, isCancelled: { false },
            progress: { written, _ in first = first ?? written })
        #expect(try Data(contentsOf: URL(fileURLWithPath: small.output)) == whole)
        let resumed = try #require(first)
        #expect(resumed > kept && (stoppedAfter == 0 || kept > 0))
        #expect(!small.exists(".part") && !small.exists(".part.json"))
    }

    /// A killed process leaves bytes behind the ones that it recorded, perhaps wrong ones.
    @Test func whatWasNotRecordedIsWrittenAgain() throws {
        let small = try SmallCheckpoint()
        let whole = try small.whole(.f16)
        var pieces = 0
        #expect(throws: ConversionError.self) {
            try small.converter(.f16).write(
                to: small.output, threadCount: 2, pieceBytes: 100_000, isCancelled: { pieces >= 9 },
                progress: { _, _ in pieces += 1 })
        }
        let part = URL(fileURLWithPath: small.output + ".part")
        try (Data(contentsOf: part) + Data(repeating: 0xAA, count: 12345)).write(to: part)
        try small.converter(.f16).write(to: small.output, threadCount: 2, isCancelled: { false }, progress: { _, _ in })
        #expect(try Data(contentsOf: URL(fileURLWithPath: small.output)) == whole)
    }

    @Test(arguments: ["type", "source", "record", "shorter"]) func whatHasChangedBeginsAnew(change: String) throws {
        let small = try SmallCheckpoint()
        var pieces = 0
        #expect(throws: ConversionError.self) {
            try small.converter(.f16).write(
                to: small.output, threadCount: 2, pieceBytes: 100_000, isCancelled: { pieces >= 9 },
                progress: { _, _ in pieces += 1 })
        }
        let (part, record) = (small.output + ".part", small.output + ".part.json")
        switch change {
        case "source":
            let shard = try #require(Checkpoint(path: small.source).files.first).path
            let later = Date(timeIntervalSinceNow: 100)
            try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: shard)
        case "record":
            try Data("{\"fingerprint\":1".utf8).write(to: URL(fileURLWithPath: record))
        case "shorter":
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: part))
        default: break
        }
        // Garbage that must not be believed.
        if change != "shorter" {
            let count = try Data(contentsOf: URL(fileURLWithPath: part)).count
            try Data(repeating: 0x55, count: count).write(to: URL(fileURLWithPath: part))
        }
        let type: TargetType = change == "type" ? .q8_0 : .f16
        let whole = try small.whole(type)
        try small.converter(type).write(to: small.output, threadCount: 2, isCancelled: { false }, progress: { _, _ in })
        #expect(try Data(contentsOf: URL(fileURLWithPath: small.output)) == whole)
    }

    @Test func aFullDiskIsToldBeforeAndDuring() throws {
        let small = try SmallCheckpoint()
        let converter = try small.converter(.f16)
        var calls = PartFileCalls()
        calls.freeBytes = { _ in converter.size - 1 }
        #expect(
            throws: ConversionError.notEnoughRoom(
                path: small.output, needed: converter.size, available: converter.size - 1)
        ) {
            try converter.write(
                to: small.output, threadCount: 1, calls: calls, isCancelled: { false }, progress: { _, _ in })
        }
        #expect(!small.exists(".part"))
        calls = PartFileCalls()
        var room = 1_000_000
        calls.write = { descriptor, bytes in
            guard room > 0 else {
                errno = ENOSPC
                return -1
            }
            let count = write(descriptor, bytes.baseAddress, min(room, bytes.count))
            room -= count
            return count
        }
        #expect(throws: ConversionError.diskFull(path: small.output, written: 1_000_000, size: converter.size)) {
            try converter.write(
                to: small.output, threadCount: 1, pieceBytes: 300_000, calls: calls, isCancelled: { false },
                progress: { _, _ in })
        }
        #expect(!small.exists(""))
        var first: Int?
        try converter.write(
            to: small.output, threadCount: 1, pieceBytes: 300_000, isCancelled: { false },
            progress: { written, _ in first = first ?? written })
        let resumed = try #require(first)
        #expect(resumed > 1_000_000)
        #expect(try Data(contentsOf: URL(fileURLWithPath: small.output)) == small.whole(.f16))
    }

    @Test func pathsThatCannotBeWrittenSaySo() throws {
        let small = try SmallCheckpoint()
        func convert(to path: String) throws {
            try small.converter(.f16).write(to: path, threadCount: 1, isCancelled: { false }, progress: { _, _ in })
        }
        #expect(throws: ConversionError.isFolder(path: small.source)) { try convert(to: small.source) }
        let missing = small.source + "/no/such/file.gguf"
        #expect(throws: ConversionError.cannotWrite(path: missing, reason: "No such file or directory")) {
            try convert(to: missing)
        }
        // A link could lead anywhere.
        try FileManager.default.createSymbolicLink(atPath: small.output + ".part", withDestinationPath: "/dev/null")
        #expect(throws: ConversionError.self) { try convert(to: small.output) }
    }
}

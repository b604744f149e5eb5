import Foundation
import ModelFiles
import Tensor
import TestSupport
import Testing

/// A small file with one value of every kind and two tensors.
func sampleGGUF() -> GGUFBuilder {
    var builder = GGUFBuilder(architecture: "llama")
    builder.set("general.name", .string("Sample ☃"))
    builder.set("a.u8", .uint8(7))
    builder.set("a.u64", .uint64(1 << 40))
    builder.set("a.i32", .int32(-5))
    builder.set("a.f32", .float32(0.5))
    builder.set("a.f64", .float64(-2.25))
    builder.set("a.flag", .bool(true))
    builder.set("a.words", .strings(["one", "", "drei"]))
    builder.set("a.numbers", .int32s([1, -2, 3]))
    builder.set("a.scores", .float32s([0, -1.5]))
    builder.set("a.nested", .array(type: 9, [.int32s([1, 2]), .strings(["x"])]))
    builder.add("first", shape: [4, 2], floats: (0..<8).map(Float.init))
    builder.add("second", shape: [32], type: 8, bytes: [UInt8](repeating: 3, count: 34))
    return builder
}

/// What reading these bytes throws, or nil.
func failure(reading bytes: [UInt8]) throws -> ModelFileError? {
    try TestSupport.withTemporaryFile(bytes, name: "model.gguf") { path in
        do throws(ModelFileError) {
            _ = try GGUFFile(path: path)
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct GGUFReading {
    @Test(arguments: [UInt32(2), 3]) func readsEveryKindOfValue(version: UInt32) throws {
        var builder = sampleGGUF()
        builder.version = version
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(file.version == version)
            #expect(try file.string("general.name") == "Sample ☃")
            #expect(try file.unsigned("a.u8") == 7)
            #expect(try file.unsigned("a.u64") == 1 << 40)
            #expect(file.metadata["a.i32"] == .signed(-5))
            #expect(try file.float("a.f32") == 0.5)
            #expect(try file.float("a.f64") == -2.25)
            #expect(try file.bool("a.flag"))
            #expect(try file.strings("a.words") == ["one", "", "drei"])
            #expect(try file.int32s("a.numbers") == [1, -2, 3])
            #expect(try file.floats("a.scores") == [0, -1.5])
            #expect(try file.unsigned("absent", default: 9) == 9)
            #expect(try file.string("absent", default: "x") == "x")
            #expect(file.tensorNames == ["first", "second"])
            let first = try file.tensor("first", shape: [4, 2])
            #expect(first.type == .f32)
            #expect(first.bytes.loadUnaligned(fromByteOffset: 28, as: Float.self) == 7)
            let second = try file.tensor("second")
            #expect(second.type == .q8_0)
            #expect(second.bytes.count == 34 && second.bytes.allSatisfy { $0 == 3 })
        }
    }

    @Test func tensorsOutliveTheFile() throws {
        let tensor = try sampleGGUF().withFile { try GGUFFile(path: $0).tensor("second") }
        #expect(tensor.bytes.allSatisfy { $0 == 3 })
    }

    @Test func wrongUsesNameTheKey() throws {
        try sampleGGUF().withFile { path in
            let file = try GGUFFile(path: path)
            #expect(throws: ModelFileError.missingKey(path: path, key: "absent", expected: "text")) {
                try file.string("absent")
            }
            #expect(
                throws: ModelFileError.wrongType(
                    path: path, key: "a.u8", expected: "text", found: "an unsigned integer")
            ) { try file.string("a.u8") }
            #expect(
                throws: ModelFileError.wrongType(path: path, key: "a.i32", expected: "an integer from 0", found: "-5")
            ) { try file.unsigned("a.i32") }
            // A wrong type is an error even where an absent key has a default.
            #expect(throws: ModelFileError.self) { try file.float("general.name", default: 1) }
            #expect(throws: ModelFileError.self) { try file.strings("a.numbers") }
            #expect(throws: ModelFileError.missingTensor(path: path, name: "third")) { try file.tensor("third") }
            #expect(
                throws: ModelFileError.wrongShape(path: path, name: "first", expected: [2, 4], found: [4, 2])
            ) { try file.tensor("first", shape: [2, 4]) }
        }
    }

    @Test func textThatIsNotUTF8IsRefusedWhenRead() throws {
        var builder = GGUFBuilder()
        builder.set("bad", .bytes([0x61, 0xFF]))
        builder.set("list", .byteStrings([[0x61], [0xC3]]))
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(throws: ModelFileError.self) { try file.string("bad") }
            #expect(throws: ModelFileError.self) { try file.strings("list") }
            #expect(Array(try file.stringList("list").bytes(at: 1)) == [0xC3])
        }
    }

    @Test(arguments: [8, 64, 4096]) func honoursTheAlignmentKey(alignment: Int) throws {
        var builder = sampleGGUF()
        builder.alignment = alignment
        builder.set("general.alignment", .uint32(UInt32(alignment)))
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(file.alignment == alignment)
            #expect(try file.tensor("second").bytes.allSatisfy { $0 == 3 })
        }
    }

    @Test func digestIsOfTheWholeFile() throws {
        var builder = GGUFBuilder()
        builder.set("a", .uint8(1))
        try builder.withFile { path in
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
            process.arguments = [path]
            process.standardOutput = pipe
            try process.run()
            process.waitUntilExit()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(output.hasPrefix(try GGUFFile(path: path).digest().hexadecimal))
            #expect(try GGUFFile(path: path).digest(keepsPages: false) == GGUFFile(path: path).digest())
        }
    }

    @Test(
        .enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func readsTheBuiltInModel() throws {
        let file = try GGUFFile(path: try #require(TestSupport.builtInModel).path)
        #expect(try file.string("general.architecture") == "llama")
        #expect(file.tensors.count == 272)
        #expect(try file.tensor("token_embd.weight", shape: [576, 49152]).type == .q8_0)
        #expect(try file.stringList("tokenizer.ggml.tokens").count == 49152)
    }
}

@Suite struct GGUFRefusals {
    @Test func everyTruncationIsRefused() throws {
        let bytes = sampleGGUF().build()
        // The last bytes are padding behind the last tensor, which need not be there.
        for count in 1..<(bytes.count - 30) {
            let error = try failure(reading: Array(bytes[..<count]))
            #expect(error != nil, "\(count) of \(bytes.count) bytes were accepted")
        }
        #expect(try failure(reading: bytes) == nil)
    }

    @Test func truncationNamesTheTensor() throws {
        let bytes = sampleGGUF().build()
        let error = try #require(try failure(reading: Array(bytes[..<(bytes.count - 40)])))
        #expect(error.description.contains("tensor second"))
    }

    @Test func duplicatesAreRefused() throws {
        var keys = sampleGGUF()
        keys.set("a.u8", .uint8(1))
        guard case .duplicateKey(_, "a.u8") = try failure(reading: keys.build()) else {
            Issue.record("a duplicate key was accepted")
            return
        }
        var tensors = sampleGGUF()
        tensors.add("first", shape: [1], floats: [1])
        guard case .duplicateTensor(_, "first") = try failure(reading: tensors.build()) else {
            Issue.record("a duplicate tensor was accepted")
            return
        }
    }

    @Test func deepArraysAreRefused() throws {
        var value = GGUFBuilder.Value.int32s([1])
        for _ in 0..<1000 { value = .array(type: 9, [value]) }
        var builder = GGUFBuilder()
        builder.set("deep", value)
        let error = try #require(try failure(reading: builder.build()))
        #expect(error.description.contains("deep"))
    }

    @Test(arguments: [
        ("general.alignment", GGUFBuilder.Value.uint32(0)), ("general.alignment", .uint32(48)),
        ("general.alignment", .string("32")), ("general.alignment", .uint64(1 << 62)),
    ]) func badAlignmentsAreRefused(key: String, value: GGUFBuilder.Value) throws {
        var builder = sampleGGUF()
        builder.set(key, value)
        let error = try #require(try failure(reading: builder.build()))
        #expect(error.description.contains(key))
    }

    @Test func badTensorsAreRefusedByName() throws {
        let cases: [(shape: [Int], type: Int32)] = [
            ([31], 8), ([0], 0), ([Int.max, Int.max], 0), ([1, 1, 1, 1, 1], 0), ([4], 4), ([4], -1), ([1 << 40], 0),
        ]
        for (shape, type) in cases {
            var builder = GGUFBuilder()
            builder.add("weights", shape: shape, type: type, bytes: [UInt8](repeating: 0, count: 64))
            let error = try #require(try failure(reading: builder.build()), "\(shape) of type \(type)")
            #expect(error.description.contains("weights"))
        }
    }

    @Test func overlapsAreRefused() throws {
        var bytes = sampleGGUF().build()
        // The second tensor's offset is the last field before the padding: find its name and step over the fields.
        let name = Array("second".utf8)
        let at = try #require(bytes.indices.first { Array(bytes[$0...].prefix(6)) == name })
        let offset = at + 6 + 4 + 8 + 4
        #expect(bytes[offset] == 32)
        bytes[offset] = 0
        guard case .overlappingTensors(_, "first", "second") = try failure(reading: bytes) else {
            Issue.record("overlapping tensors were accepted")
            return
        }
    }

    @Test func otherFormatsAreRecognised() throws {
        let cases: [([UInt8], ModelFileKind)] = [
            (Array("PK\u{3}\u{4}archive/data.pkl".utf8), .zipArchive),
            ([0x80, 0x02, 0x8A, 0x0A], .pickle),
            ([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), .safetensors),
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:00".utf8), .gitLFSPointer),
            (Array("<!DOCTYPE html><html>".utf8), .webPage),
            (Array("{\"architectures\": []}".utf8), .json),
            (Array("Hello there, this is a text.".utf8), .text),
            ([UInt8](repeating: 0, count: 600), .zeros),
            (Array("tjgg".utf8) + [1, 0, 0, 0], .legacyGGML),
            ([0x1F, 0x8B, 0x08, 0, 0, 0], .compressed),
            ([0x93, 0x00, 0xFF, 0x12], .unknown),
        ]
        for (bytes, kind) in cases {
            guard case .otherFormat(_, "GGUF", let seems) = try failure(reading: bytes) else {
                Issue.record("\(kind) was not refused as another format")
                continue
            }
            #expect(seems == kind)
        }
    }

    @Test func bigEndianIsRefusedByName() throws {
        for magic in ["GGUF", "FUGG"] {
            let bytes = Array(magic.utf8) + [0, 0, 0, 3] + [UInt8](repeating: 0, count: 16)
            guard case .bigEndian = try failure(reading: bytes) else {
                Issue.record("a big-endian file was accepted")
                continue
            }
        }
        for version in [UInt8(0), 1, 4] {
            let bytes = Array("GGUF".utf8) + [version, 0, 0, 0] + [UInt8](repeating: 0, count: 16)
            guard case .unsupportedVersion(_, let found) = try failure(reading: bytes) else {
                Issue.record("version \(version) was accepted")
                continue
            }
            #expect(found == version)
        }
    }

    @Test func foldersAndEmptyAndMissingFilesSaySo() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: ModelFileError.isFolder(path: folder.path)) { try GGUFFile(path: folder.path) }
        let absent = folder.appendingPathComponent("absent.gguf").path
        #expect(throws: ModelFileError.cannotOpen(path: absent, reason: "No such file or directory")) {
            try GGUFFile(path: absent)
        }
        #expect(throws: ModelFileError.cannotOpen(path: "/dev/null", reason: "not a regular file")) {
            try GGUFFile(path: "/dev/null")
        }
        guard case .isEmpty = try failure(reading: []) else {
            Issue.record("an empty file was accepted")
            return
        }
    }
}

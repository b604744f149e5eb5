import Foundation
import ModelFiles
import TestSupport
import Testing

private func reading<Result>(_ bytes: [UInt8], _ body: (PyTorchFile) throws -> Result) throws -> Result {
    try TestSupport.withTemporaryFile(bytes, name: "model.bin") { try body(PyTorchFile(path: $0)) }
}

private func floats(_ tensor: CheckpointTensor?) throws -> [Float] {
    let tensor = try #require(tensor)
    return (0..<tensor.bytes.count / 4).map { tensor.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
}

/// A file with what the tests below look at: own storages, shared ones, strides, other types.
private func sample() -> PyTorchBuilder {
    var builder = PyTorchBuilder()
    builder.add("a.weight", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    builder.storages.append(("half", "HalfStorage", 3, [0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00]))
    builder.storages.append(("brain", "BFloat16Storage", 1, [0x80, 0x3F]))
    builder.storages.append(("long", "LongStorage", 1, [7, 0, 0, 0, 0, 0, 0, 0]))
    builder.views += [
        PyTorchBuilder.View(name: "a.part", storage: "0", offset: 2, shape: [2, 2]),
        PyTorchBuilder.View(name: "a.turned", storage: "0", shape: [3, 2], strides: [1, 3]),
        PyTorchBuilder.View(name: "half", storage: "half", shape: [3]),
        PyTorchBuilder.View(name: "brain", storage: "brain", shape: []),
        PyTorchBuilder.View(name: "long", storage: "long", shape: [1]),
        PyTorchBuilder.View(name: "none", storage: "0", shape: [0, 4]),
    ]
    return builder
}

@Suite struct PyTorchReading {
    @Test(arguments: ["archive", "zip64", "legacy", "parameters", "wrapped"]) func readsEveryLayout(layout: String)
        throws
    {
        var builder = sample()
        builder.usesZip64 = layout == "zip64"
        builder.areParameters = layout == "parameters"
        builder.wrappers = layout == "wrapped" ? ["state_dict", "module"] : []
        let file = try reading(layout == "legacy" ? builder.buildLegacy() : builder.build()) { $0 }
        #expect(file.tensorNames == builder.views.map(\.name))
        #expect(try floats(file.tensors["a.weight"]) == [1, 2, 3, 4, 5, 6])
        #expect(try floats(file.tensors["a.part"]) == [3, 4, 5, 6])
        #expect(try floats(file.tensors["a.turned"]) == [1, 4, 2, 5, 3, 6])
        #expect(file.tensors["a.turned"]?.shape == [3, 2])
        #expect(file.tensors["half"]?.type == .f16)
        #expect(file.tensors["half"]?.bytes.elementsEqual([0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00]) == true)
        #expect(file.tensors["brain"]?.type == .bf16)
        #expect(file.tensors["brain"]?.shape == [])
        #expect(file.tensors["long"]?.type == .i64)
        #expect(file.tensors["none"]?.bytes.isEmpty == true)
    }

    /// PyTorch itself wrote it: `Reference/write_checkpoint.py` says how.
    @Test(arguments: ["zip", "legacy"]) func readsWhatPyTorchWrote(layout: String) throws {
        let file = try PyTorchFile(path: TestSupport.fixture("ModelFilesTests", "torch-\(layout).bin").path)
        #expect(
            file.tensorNames == [
                "embedding.weight", "norm.weight", "norm.bias", "shared", "turned", "half", "brain", "double", "counts",
                "bytes", "flag", "scalar", "part",
            ])
        #expect(try floats(file.tensors["norm.weight"]) == [1, 1, 1])
        #expect(try floats(file.tensors["embedding.weight"]) == (0..<12).map { Float($0) / 8 })
        #expect(try floats(file.tensors["shared"]) == (0..<12).map { Float($0) / 8 })
        #expect(try floats(file.tensors["part"]) == [6, 7, 8].map { Float($0) / 8 })
        #expect(try floats(file.tensors["turned"]) == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11].map { $0 / 8 })
        #expect(file.tensors["turned"]?.shape == [3, 4])
        #expect(file.tensors["half"]?.bytes.elementsEqual([0x00, 0x3C, 0x00, 0xC0]) == true)
        #expect(file.tensors["brain"]?.bytes.elementsEqual([0x80, 0x3F, 0x49, 0xC0]) == true)
        #expect(file.tensors["double"]?.type == .f64)
        #expect(file.tensors["counts"]?.type == .i64)
        #expect(file.tensors["bytes"]?.type == .u8)
        #expect(file.tensors["flag"]?.type == .bool)
        #expect(file.tensors["scalar"]?.shape == [])
    }
}

@Suite struct PyTorchRefusals {
    @Test(arguments: [
        ("posix", "system"), ("builtins", "eval"), ("torch._utils", "_rebuild_sparse_tensor"), ("torch", "load"),
        ("numpy.core.multiarray", "scalar"), ("torch", "QInt8Storage"), ("collections", "deque"),
    ])
    func callsAreRefusedByName(module: String, name: String) throws {
        for pickle in [
            [0x80, 2] + PyTorchBuilder.call(module, name, [PyTorchBuilder.text("echo")]) + [0x2E],
            [0x80, 4, 0x8C, UInt8(module.utf8.count)] + Array(module.utf8) + [0x8C, UInt8(name.utf8.count)]
                + Array(name.utf8) + [0x93, 0x2E],
        ] {
            let archive = PyTorchBuilder.zip([("x/data.pkl", pickle)])
            #expect {
                try reading(archive) { _ in }
            } throws: { error in
                guard case ModelFileError.refusedPickle(_, let what) = error else { return false }
                return what == "\(module).\(name)"
            }
        }
    }

    @Test func opcodesThatMakeObjectsAreRefused() throws {
        // INST, OBJ, NEWOBJ, EXT1, text integers, and one that does not exist.
        for opcode: UInt8 in [0x69, 0x6F, 0x81, 0x82, 0x49, 0xFF] {
            let archive = PyTorchBuilder.zip([("x/data.pkl", [0x80, 2, opcode, 0x2E])])
            #expect {
                try reading(archive) { _ in }
            } throws: { error in
                guard case ModelFileError.refusedPickle = error else { return false }
                return true
            }
        }
    }

    @Test func tensorsOutsideTheirStoragesAreRefused() throws {
        for view in [
            PyTorchBuilder.View(name: "x", storage: "0", shape: [7]),
            PyTorchBuilder.View(name: "x", storage: "0", offset: 1, shape: [6]),
            PyTorchBuilder.View(name: "x", storage: "0", offset: -1, shape: [2]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [2], strides: [6]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [-1]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [2], strides: [-1]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [1 << 40, 1 << 40]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [2], strides: [Int.max]),
            // Repetition would make much of little.
            PyTorchBuilder.View(name: "x", storage: "0", shape: [1 << 30], strides: [0]),
            PyTorchBuilder.View(name: "x", storage: "0", shape: [2], strides: [1, 1]),
        ] {
            var builder = sample()
            builder.views.append(view)
            #expect(throws: ModelFileError.self, "\(view)") { try reading(builder.build()) { _ in } }
            #expect(throws: ModelFileError.self, "\(view)") { try reading(builder.buildLegacy()) { _ in } }
        }
    }

    @Test func storagesOfAnotherSizeAreRefused() throws {
        for count in [5, 7, 1 << 62, -1] {
            var builder = sample()
            builder.storages[0].count = count
            #expect(throws: ModelFileError.self) { try reading(builder.build()) { _ in } }
            #expect(throws: ModelFileError.self) { try reading(builder.buildLegacy()) { _ in } }
        }
        var builder = sample()
        builder.storages[0].key = "other"
        #expect(throws: ModelFileError.self) { try reading(builder.build()) { _ in } }
    }

    @Test func otherArchivesAreRefused() throws {
        var builder = sample()
        builder.byteOrder = "big"
        #expect(throws: ModelFileError.self) { try reading(builder.build()) { _ in } }
        builder = sample()
        builder.views.append(builder.views[0])
        #expect(throws: ModelFileError.self) { try reading(builder.build()) { _ in } }
        let entry: (String, [UInt8]) = ("x/data.pkl", sample().pickle())
        #expect(throws: ModelFileError.self) { try reading(PyTorchBuilder.zip([])) { _ in } }
        #expect(throws: ModelFileError.self) { try reading(PyTorchBuilder.zip([entry, entry])) { _ in } }
        #expect(throws: ModelFileError.self) { try reading(PyTorchBuilder.zip([("x/y/data.pkl", entry.1)])) { _ in } }
        // Nothing but numbers.
        #expect(throws: ModelFileError.self) {
            try reading(PyTorchBuilder.zip([("x/data.pkl", [0x80, 2, 0x4B, 1, 0x2E])])) { _ in }
        }
        #expect(throws: ModelFileError.self) { try reading(sample().build() + [0]) { _ in } }
    }

    @Test func everyTruncationIsRefused() throws {
        for file in [sample().build(), sample().buildLegacy()] {
            for count in stride(from: 1, to: file.count, by: 7) {
                #expect(throws: ModelFileError.self) { try reading(Array(file[..<count])) { _ in } }
            }
        }
    }

    @Test func deepAndRoundStructuresCostNothing() throws {
        // A list in itself, and lists in lists, more than any call stack has room for.
        let round: [UInt8] = [0x80, 2] + Array("]q".utf8) + [0] + Array("h".utf8) + [0] + Array("a.".utf8)
        let deep =
            [0x80, 2] + [UInt8](repeating: UInt8(ascii: "]"), count: 60_000)
            + [UInt8](repeating: UInt8(ascii: "a"), count: 59_999) + Array(".".utf8)
        let wide = [0x80, 2] + [UInt8](repeating: UInt8(ascii: "N"), count: 1 << 20)
        for pickle in [round, deep, wide] {
            #expect(throws: ModelFileError.self) {
                try reading(PyTorchBuilder.zip([("x/data.pkl", pickle)])) { _ in }
            }
        }
    }
}

import Foundation

/// Builds small files as `torch.save` lays them out, for tests of everything that reads checkpoints.
package struct PyTorchBuilder: Sendable {
    /// A tensor as a view of a storage; sizes and strides are in elements.
    package struct View: Sendable {
        package var name: String
        package var storage: String
        package var offset = 0
        package var shape: [Int]
        /// nil for row-major.
        package var strides: [Int]?

        package init(name: String, storage: String, offset: Int = 0, shape: [Int], strides: [Int]? = nil) {
            self.name = name
            self.storage = storage
            self.offset = offset
            self.shape = shape
            self.strides = strides
        }
    }

    /// Storages by key: Python's name of the class, elements, bytes.
    package var storages: [(key: String, type: String, count: Int, bytes: [UInt8])] = []
    package var views: [View] = []
    /// Keys of dictionaries around the weights, outermost first.
    package var wrappers: [String] = []
    /// Whether tensors are parameters, which another call makes.
    package var areParameters = false
    package var byteOrder: String? = "little"
    package var usesZip64 = false

    package init() {}

    /// Adds a tensor of 32-bit floats with a storage of its own.
    package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
        let bytes = floats.flatMap { little($0.bitPattern) }
        storages.append(("\(storages.count)", "FloatStorage", floats.count, bytes))
        views.append(View(name: name, storage: storages[storages.count - 1].key, shape: shape))
    }

    // MARK: The archive

    /// The file as PyTorch 1.6 and later write it.
    package func build() -> [UInt8] {
        var entries: [(String, [UInt8])] = [("archive/data.pkl", pickle())]
        if let byteOrder { entries.append(("archive/byteorder", Array(byteOrder.utf8))) }
        entries += storages.map { ("archive/data/\($0.key)", $0.bytes) }
        entries.append(("archive/version", Array("3\n".utf8)))
        return Self.zip(entries, zip64: usesZip64)
    }

    /// The file as PyTorch before 1.6 wrote it.
    package func buildLegacy() -> [UInt8] {
        var file: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
        file += [0x80, 2, 0x4D] + little(UInt16(1001)) + [0x2E]
        file += [0x80, 2] + Array("}".utf8) + Self.text("little_endian") + [0x88] + Array("s.".utf8)
        file += pickle(viewMetadata: true)
        file += [0x80, 2] + Array("](".utf8) + storages.flatMap { Self.text($0.key) } + Array("e.".utf8)
        for storage in storages { file += little(Int64(storage.count)) + storage.bytes }
        return file
    }

    /// A ZIP archive of stored entries; with `zip64` all sizes and offsets stand in the 64-bit fields.
    package static func zip(_ entries: [(name: String, bytes: [UInt8])], zip64: Bool = false) -> [UInt8] {
        var (file, directory) = ([UInt8](), [UInt8]())
        for (name, bytes) in entries {
            let offset = file.count
            let size = zip64 ? UInt32.max : UInt32(bytes.count)
            let place = zip64 ? UInt32.max : UInt32(offset)
            file += little(UInt32(0x0403_4B50)) + little(UInt16(20)) + little(UInt16(0)) + little(UInt16(0))
            file += little(UInt32(0)) + little(UInt32(0)) + little(UInt32(bytes.count)) + little(UInt32(bytes.count))
            file += little(UInt16(name.utf8.count)) + little(UInt16(0)) + Array(name.utf8) + bytes
            let extra =
                zip64
                ? little(UInt16(1)) + little(UInt16(24)) + little(UInt64(bytes.count)) + little(UInt64(bytes.count))
                    + little(UInt64(offset)) : []
            directory += little(UInt32(0x0201_4B50)) + little(UInt16(20)) + little(UInt16(20)) + little(UInt16(0))
            directory += little(UInt16(0)) + little(UInt32(0)) + little(UInt32(0)) + little(size) + little(size)
            directory += little(UInt16(name.utf8.count)) + little(UInt16(extra.count)) + little(UInt16(0))
            directory += little(UInt16(0)) + little(UInt16(0)) + little(UInt32(0)) + little(place)
            directory += Array(name.utf8) + extra
        }
        let start = file.count
        file += directory
        if zip64 {
            let end = file.count
            file += little(UInt32(0x0606_4B50)) + little(UInt64(44)) + little(UInt16(45)) + little(UInt16(45))
            file += little(UInt32(0)) + little(UInt32(0)) + little(UInt64(entries.count))
            file += little(UInt64(entries.count)) + little(UInt64(directory.count)) + little(UInt64(start))
            file += little(UInt32(0x0706_4B50)) + little(UInt32(0)) + little(UInt64(end)) + little(UInt32(1))
        }
        let count = zip64 ? UInt16.max : UInt16(entries.count)
        file += little(UInt32(0x0605_4B50)) + little(UInt16(0)) + little(UInt16(0)) + little(count) + little(count)
        file += little(zip64 ? UInt32.max : UInt32(directory.count)) + little(zip64 ? UInt32.max : UInt32(start))
        return file + little(UInt16(0))
    }

    // MARK: The pickle

    /// The dictionary of tensors, protocol 2.
    package func pickle(viewMetadata: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = [0x80, 2]
        for wrapper in wrappers {
            bytes += Array("}".utf8) + Self.text("epoch") + [0x4B, 3, 0x73] + Self.text(wrapper)
        }
        bytes += Self.call("collections", "OrderedDict", [])
        bytes += Array("(".utf8)
        for view in views { bytes += Self.text(view.name) + tensor(view, viewMetadata) }
        bytes += Array("u".utf8)
        // Attributes, as a module's state dictionary carries them.
        bytes += Array("}".utf8) + Self.text("_metadata") + Array("}sb".utf8)
        for _ in wrappers { bytes += Array("s".utf8) }
        return bytes + Array(".".utf8)
    }

    private func tensor(_ view: View, _ viewMetadata: Bool) -> [UInt8] {
        let storage = storages.first { $0.key == view.storage }
        var identity = Array("(".utf8) + Self.text("storage") + Self.global("torch", storage?.type ?? "FloatStorage")
        identity += Self.text(view.storage) + Self.text("cpu") + Self.integer(storage?.count ?? 0)
        identity += (viewMetadata ? Array("N".utf8) : []) + Array("tQ".utf8)
        let strides = view.strides ?? Self.rowMajor(view.shape)
        let tensor = Self.call(
            "torch._utils", "_rebuild_tensor_v2",
            [
                identity, Self.integer(view.offset), Self.tuple(view.shape), Self.tuple(strides), [0x89],
                Self.call("collections", "OrderedDict", []),
            ])
        guard areParameters else { return tensor }
        return Self.call(
            "torch._utils", "_rebuild_parameter", [tensor, [0x88], Self.call("collections", "OrderedDict", [])])
    }

    package static func rowMajor(_ shape: [Int]) -> [Int] {
        shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
    }

    package static func text(_ string: String) -> [UInt8] {
        [0x58] + little(UInt32(string.utf8.count)) + Array(string.utf8)
    }

    package static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    package static func call(_ module: String, _ name: String, _ arguments: [[UInt8]]) -> [UInt8] {
        global(module, name) + Array("(".utf8) + arguments.flatMap { $0 } + Array("tR".utf8)
    }

    package static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + little(Int64(value)) }

    private static func tuple(_ values: [Int]) -> [UInt8] {
        Array("(".utf8) + values.flatMap(integer) + Array("t".utf8)
    }
}

private func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

import Foundation
import ModelFiles
import Models
import Tensor

extension SyntheticModel {
    /// Writes one GGUF; the same bytes for a seed on any number of threads.
    package func write(
        to path: String, type: TargetType, seed: UInt64, threadCount: Int, isCancelled: () -> Bool,
        progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        let types = entries.map { type.storage(of: $0.name, shape: $0.shape) }
        let tensors = zip(entries, types).map { ($0.name, $0.shape, $1) }
        let metadata = metadata + [("general.file_type", .unsigned(type.fileType))]
        guard let (header, places) = GGUFHeaderWriter(metadata: metadata, tensors: tensors).layout() else {
            throw .tooLarge(path: path)
        }
        try write(
            to: path, header: header, places: places, entries: Array(zip(entries, types).enumerated()), seed: seed,
            threadCount: threadCount, isCancelled: isCancelled, progress: progress)
    }

    /// Writes a checkpoint in Hugging Face's layout: shards of safetensors, their index, configuration and tokenizer.
    ///
    /// `type`: F32, F16 or BF16.
    package func writeCheckpoint(
        to folder: String, type: ElementType, seed: UInt64, threadCount: Int, shardBytes: Int = 4 << 30,
        isCancelled: () -> Bool, progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        guard let emu2, let storage = type.storageType else {
            throw .unknownShape(name: name, known: Self.checkpointNames)
        }
        var shards: [[(offset: Int, element: (Entry, GGMLType))]] = [[]]
        var (filled, total) = (0, 0)
        for (number, entry) in entries.enumerated() {
            let bytes = entry.shape.reduce(1, *) * type.size
            if filled > 0, filled + bytes > shardBytes {
                shards.append([])
                filled = 0
            }
            shards[shards.count - 1].append((number, (entry, storage)))
            filled += bytes
            total += bytes
        }
        func shardName(_ shard: Int) -> String {
            let digits = [shard + 1, shards.count].map { String(repeating: "0", count: 5 - "\($0)".count) + "\($0)" }
            return "model-\(digits[0])-of-\(digits[1]).safetensors"
        }
        try save("\(folder)/config.json") { try emu2.configurationFile }
        try save("\(folder)/tokenizer.model") { Data(vocabulary.modelFile) }
        try save("\(folder)/added_tokens.json") { try vocabulary.addedTokensFile }
        var index: [String: String] = [:]
        var done = 0
        for (number, shard) in shards.enumerated() {
            let (header, places) = Self.safetensorsHeader(shard.map(\.element.0), type)
            try write(
                to: "\(folder)/\(shardName(number))", header: header, places: places, entries: shard, seed: seed,
                threadCount: threadCount, isCancelled: isCancelled
            ) { written, _ in progress(done + written, total) }
            done += places.last?.upperBound ?? 0
            for item in shard { index[item.element.0.publishedName] = shardName(number) }
        }
        try save("\(folder)/model.safetensors.index.json") {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            return try encoder.encode(["weight_map": index])
        }
    }

    private func write(
        to path: String, header: [UInt8], places: [Range<Int>],
        entries: [(offset: Int, element: (Entry, GGMLType))], seed: UInt64, threadCount: Int, isCancelled: () -> Bool,
        progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        let weights = entries.map { number, element in
            let (entry, type) = element
            let isNorm = entry.name.contains("norm") || entry.name.contains(".ln")
            return SyntheticWeights(
                seed: seed, tensor: number, type: type,
                deviation: entry.shape.count < 2 ? 0.02 : 1 / Float(entry.shape[0]).squareRoot(),
                isNorm: isNorm && entry.name.hasSuffix(".weight"))
        }
        let columns = entries.map { $0.element.0.shape.first ?? 1 }
        let items = zip(entries, places).map { entry, place in
            TensorStream.Item(
                name: entry.element.0.name, place: place,
                rowCount: entry.element.0.shape.dropFirst().reduce(1, *))
        }
        try TensorStream(header: header, items: items, threadCount: threadCount).write(
            to: path, fingerprint: "synthetic 1, seed \(seed)",
            fill: { item, rows, out in
                weights[item].fill(first: rows.lowerBound * columns[item], into: out)
                return true
            },
            failure: { _, _ in .tooLarge(path: path) }, isCancelled: isCancelled, progress: progress)
    }

    private static func safetensorsHeader(_ entries: [Entry], _ type: ElementType) -> ([UInt8], [Range<Int>]) {
        var (offset, lines, ranges) = (0, [String](), [Range<Int>]())
        for entry in entries {
            let end = offset + entry.shape.reduce(1, *) * type.size
            lines.append(
                "\"\(entry.publishedName)\":{\"dtype\":\"\(type.rawValue)\",\"shape\":\(entry.publishedShape),"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            ranges.append(offset..<end)
            offset = end
        }
        var json = Array("{\(lines.joined(separator: ","))}".utf8)
        json += [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
        let header = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
        return (header, ranges.map { $0.lowerBound + header.count..<$0.upperBound + header.count })
    }

    /// Writes a small file in one step, and its folder where that is missing.
    private func save(_ path: String, _ content: () throws -> Data) throws(ConversionError) {
        do {
            let url = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try content().write(to: url, options: .atomic)
        } catch {
            throw .cannotWrite(path: path, reason: error.localizedDescription)
        }
    }
}

extension Emu2Parameters {
    /// The `config.json` that says this.
    var configurationFile: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            return try encoder.encode(Emu2ConfigurationFile(self))
        }
    }
}

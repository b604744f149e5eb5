import Digest
import Foundation
import ModelFiles
import Models
import Tensor

/// Turns a checkpoint into one GGUF file, streaming: a chunk of rows at a time is read, stored as another type and
/// written.
package struct Converter: Sendable {
    /// A tensor whose rows are not whole blocks of the wanted type.
    package struct Fallback: Sendable, Equatable {
        package let name: String
        package let columns: Int
    }

    package let checkpoint: Emu2Checkpoint
    /// Whether the file will draw.
    package let draws: Bool
    /// Whether the autoencoder that it draws with stays F16.
    package let keepsAutoencoder: Bool
    /// Whether the safety checker that looks at what it draws stays F16.
    package let keepsSafetyChecker: Bool
    package let type: TargetType
    /// Tensors stored as F16 instead.
    package let fallbacks: [Fallback]
    /// Whether the visual encoder stays F16 because rounding would show there.
    package let keepsEncoder: Bool
    /// Weights by the type that they get.
    package let counts: [GGMLType: Int]
    private let header: [UInt8]
    private let items: [TensorStream.Item]
    private let tensors: [GGUFTensor]
    private let types: [GGMLType]

    /// Plans the file; nothing is read but shapes. `drawing`: the checkpoint's parts that draw, if they are to be in it.
    package init(
        _ checkpoint: Emu2Checkpoint, drawing: DiffusionCheckpoint? = nil, type: TargetType
    ) throws(ConversionError) {
        self.checkpoint = checkpoint
        self.type = type
        draws = drawing != nil
        keepsAutoencoder = drawing != nil && type.keepsAsHalf("vae.")
        let hasSafetyChecker = drawing?.tensors.contains { $0.name.hasPrefix(SafetyChecker.prefix) } ?? false
        keepsSafetyChecker = hasSafetyChecker && type.keepsAsHalf(SafetyChecker.prefix)
        let tensors = checkpoint.tensors + (drawing?.tensors ?? [])
        self.tensors = tensors
        types = tensors.map { type.storage(of: $0.name, shape: $0.shape) }
        let metadata =
            checkpoint.metadata + (drawing?.metadata ?? []) + [("general.file_type", .unsigned(type.fileType))]
        let entries = zip(tensors, types).map { ($0.name, $0.shape, $1) }
        guard let (header, places) = GGUFHeaderWriter(metadata: metadata, tensors: entries).layout() else {
            throw .tooLarge(path: checkpoint.path)
        }
        self.header = header
        items = zip(tensors, places).map { tensor, place in
            TensorStream.Item(
                name: tensor.name, place: place, rowCount: tensor.elementCount / (tensor.shape.first ?? 1))
        }
        fallbacks = tensors.compactMap { tensor in
            tensor.shape.count > 1 && !type.fits(tensor.shape)
                && type.storage(of: tensor.name, shape: tensor.shape) == .f16
                ? Fallback(name: tensor.name, columns: tensor.shape.first ?? 1) : nil
        }
        keepsEncoder = type.keepsAsHalf("v.")
        counts = zip(tensors, types).reduce(into: [:]) { $0[$1.1, default: 0] += $1.0.elementCount }
    }

    /// Bytes of the file.
    package var size: Int { items.last?.place.upperBound ?? header.count }

    /// Writes the file, or goes on where an earlier process stopped. Progress is told in bytes, every `pieceBytes`.
    package func write(
        to path: String, threadCount: Int, pieceBytes: Int? = nil, calls: PartFileCalls = PartFileCalls(),
        isCancelled: () -> Bool, progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        let (tensors, types) = (tensors, types)
        @Sendable func source(_ item: Int, _ rows: Range<Int>) -> UnsafeRawBufferPointer {
            let tensor = tensors[item]
            let rowBytes = tensor.bytes.count / max(1, tensor.elementCount / (tensor.shape.first ?? 1))
            return UnsafeRawBufferPointer(
                rebasing: tensor.bytes[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes])
        }
        let stream = TensorStream(
            header: header, items: items, threadCount: threadCount,
            pieceBytes: pieceBytes ?? TensorStream.usualPieceBytes)
        try stream.write(
            to: path, fingerprint: try fingerprint(), calls: calls,
            fill: { item, rows, out in
                WeightConversion.convert(source(item, rows), from: tensors[item].type, to: types[item], into: out)
            },
            finished: { item, rows in tensors[item].discard(source(item, rows)) },
            failure: { item, row in
                .notStorable(path: checkpoint.path, tensor: tensors[item].name, row: row, type: types[item].name)
            }, isCancelled: isCancelled, progress: progress)
    }

    /// What decides the file's bytes beside its header: which files the weights come from, and how new they are.
    private func fingerprint() throws(ConversionError) -> String {
        var parts = ["conversion 1"]
        for path in checkpoint.files {
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw .cannotWrite(path: path, reason: String(cString: strerror(errno)))
            }
            parts.append("\(path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)")
        }
        return parts.joined(separator: "\n")
    }
}

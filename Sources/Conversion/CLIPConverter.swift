import Digest
import Foundation
import ModelFiles
import Tensor

/// Turns a CLIP visual encoder in ONNX into a GGUF file, its whole numbers unchanged.
///
/// A matrix is stored as Q8_0 whose blocks all have the scale 1, so that the quants are the graph's integers, and beside it
/// as `NAME.scale` the factors of its outputs: quant · factor has the bits of the graph's own product.
package struct CLIPConverter: Sendable {
    package let graph: CLIPGraph
    private let header: [UInt8]
    private let items: [TensorStream.Item]

    /// Bytes of the file.
    package var size: Int { items.last?.place.upperBound ?? header.count }

    /// Plans the file.
    package init(_ graph: CLIPGraph) throws(ConversionError) {
        self.graph = graph
        let tensors = graph.tensors.map { ($0.name, $0.shape, $0.content.type) }
        // 7: most weights are Q8_0, as `enum llama_ftype` of llama.cpp has it.
        let metadata = graph.metadata + [("general.file_type", .unsigned(7))]
        guard let (header, places) = GGUFHeaderWriter(metadata: metadata, tensors: tensors).layout() else {
            throw .tooLarge(path: graph.path)
        }
        self.header = header
        items = zip(graph.tensors, places).map { tensor, place in
            TensorStream.Item(
                name: tensor.name, place: place, rowCount: tensor.shape.dropFirst().reduce(1, *))
        }
    }

    /// Writes the file, or goes on where an earlier process stopped. Progress is told in bytes.
    package func write(
        to path: String, threadCount: Int, isCancelled: () -> Bool, progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        var status = stat()
        guard stat(graph.path, &status) == 0 else {
            throw .cannotWrite(path: graph.path, reason: String(cString: strerror(errno)))
        }
        let fingerprint =
            "clip 1 \(graph.path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        let tensors = graph.tensors
        try TensorStream(header: header, items: items, threadCount: threadCount).write(
            to: path, fingerprint: fingerprint,
            fill: { item, rows, out in tensors[item].content.write(rows, into: out) },
            failure: { item, row in
                .notStorable(path: graph.path, tensor: tensors[item].name, row: row, type: "its type")
            }, isCancelled: isCancelled, progress: progress)
    }
}

extension CLIPGraph.Content {
    /// How it is stored.
    fileprivate var type: GGMLType {
        switch self {
        case .floats: .f32
        case .quants: .q8_0
        }
    }

    /// Lays rows out as they are stored; false when a value is no number.
    fileprivate func write(_ rows: Range<Int>, into out: UnsafeMutableRawBufferPointer) -> Bool {
        switch self {
        case .floats(let values):
            let columns = out.count / MemoryLayout<Float>.stride / rows.count
            let part = values[rows.lowerBound * columns..<rows.upperBound * columns]
            for (index, value) in part.enumerated() {
                out.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: index * 4, as: UInt32.self)
            }
            return part.allSatisfy(\.isFinite)
        case .quants(let tensor, let inputs, let outputs):
            guard let bytes = tensor.bytes else { return false }
            var at = 0
            for output in rows {
                for input in 0..<inputs {
                    if input % 32 == 0 {
                        // One, in fp16.
                        out[at] = 0x00
                        out[at + 1] = 0x3C
                        at += 2
                    }
                    out[at] = bytes[input * outputs + output]
                    at += 1
                }
            }
            return true
        }
    }
}

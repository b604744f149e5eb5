import Foundation

/// The small Emu2-Gen of the recorded results, made to open pictures in the midst of its answers: its head weighs the token
/// `[IMG]` as it weighs another one, and a little more, so that a picture comes where that one would have come.
package struct OpeningPipeline {
    package static let gen: URL? = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/gen")

    /// `[IMG]` of Emu2's vocabulary.
    package static let opening = 32001

    package let path: String

    /// - Parameters:
    ///   - token: in whose place pictures are opened.
    ///   - draws: whether there is anything to draw them with.
    package init(in folder: URL, named name: String, inPlaceOf token: Int, draws: Bool = true) throws {
        guard let gen = Self.gen else { throw CocoaError(.fileNoSuchFile) }
        let files = FileManager.default
        let own = folder.appendingPathComponent(name)
        path = own.path
        let encoder = "multimodal_encoder"
        try files.createDirectory(at: own.appendingPathComponent(encoder), withIntermediateDirectories: true)
        for part in try files.contentsOfDirectory(atPath: gen.path) where part != encoder {
            if !draws, ["unet", "vae", "scheduler", "model_index.json"].contains(part) { continue }
            try files.createSymbolicLink(
                at: own.appendingPathComponent(part), withDestinationURL: gen.appendingPathComponent(part))
        }
        for part in try files.contentsOfDirectory(atPath: gen.appendingPathComponent(encoder).path) {
            let place = "\(encoder)/\(part)"
            var bytes = [UInt8](try Data(contentsOf: gen.appendingPathComponent(place)))
            if part.hasSuffix(".safetensors") { try Self.weigh(token, in: &bytes) }
            try Data(bytes).write(to: own.appendingPathComponent(place))
        }
    }

    /// Copies a row of the head, each weight a little greater, over that of `[IMG]`; nothing where the file has no head.
    private static func weigh(_ token: Int, in bytes: inout [UInt8]) throws {
        let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: Any]
        guard let entry = header?.first(where: { $0.key.hasSuffix("lm_head.weight") })?.value as? [String: Any],
            let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int],
            entry["dtype"] as? String == "BF16", shape.count == 2
        else { return }
        let (start, row) = (8 + length + offsets[0], shape[1] * 2)
        for index in stride(from: 0, to: row, by: 2) {
            let from = start + token * row + index
            // The next number of 16 bits away from 0.
            let value = (UInt16(bytes[from]) | UInt16(bytes[from + 1]) << 8) &+ 1
            let to = start + opening * row + index
            (bytes[to], bytes[to + 1]) = (UInt8(value & 0xFF), UInt8(value >> 8))
        }
    }
}

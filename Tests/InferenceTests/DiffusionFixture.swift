import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport

/// A small diffusion pipeline with random weights, and what diffusers computes with it; see `Reference/diffusion.py`.
struct DiffusionFixture {
    let folder: URL
    let golden: SafetensorsFile

    static let names = ["usual", "other"]

    init(_ name: String) throws {
        folder = TestSupport.fixture("InferenceTests", "diffusion/\(name)")
        golden = try SafetensorsFile(path: folder.appendingPathComponent("golden.safetensors").path)
    }

    func decoder() throws -> DiffusionDecoder { try Self.decoder(folder) }

    /// The pipeline of a folder in diffusers' layout.
    static func decoder(_ folder: URL) throws -> DiffusionDecoder {
        guard let file = try DiffusionCheckpoint.file(path: folder.path) else { throw CocoaError(.fileNoSuchFile) }
        return try DiffusionDecoder(file: file)
    }

    /// A recorded tensor [B, C, H, W] as a map.
    func map(_ name: String) throws -> FeatureMap {
        let tensor = try golden.tensor(name)
        return try FeatureMap(
            planes: golden.floats(name), count: tensor.shape[0], height: tensor.shape[2], width: tensor.shape[3],
            channels: tensor.shape[1])
    }

    /// The largest difference from a recorded tensor, relative to its largest value.
    func difference(_ found: [Float], _ name: String) throws -> Float {
        let expected = try golden.floats(name)
        guard found.count == expected.count else { return .infinity }
        let largest = expected.reduce(0) { max($0, abs($1)) }
        return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
    }

    /// A copy whose configurations can be changed; the caller removes it.
    func copy() throws -> URL {
        let copy = try TestSupport.temporaryFolder().appendingPathComponent("pipeline")
        try FileManager.default.copyItem(at: folder, to: copy)
        return copy
    }

    /// Sets keys of a part's configuration.
    static func change(_ file: URL, _ values: [String: Any]) throws {
        var content = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
        content.merge(values) { $1 }
        try JSONSerialization.data(withJSONObject: content).write(to: file)
    }
}

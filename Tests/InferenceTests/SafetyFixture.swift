import Foundation
import ModelFiles
import Models
import Pixels
import TestSupport

/// A small safety checker with random weights, and what diffusers computes with it; see `Reference/safety_checker.py`.
struct SafetyFixture {
    let folder: URL
    let golden: SafetensorsFile

    static let names = ["usual", "other"]
    static let parts = ["safety_checker", "feature_extractor"]

    init(_ name: String) throws {
        folder = TestSupport.fixture("InferenceTests", "safety/\(name)")
        golden = try SafetensorsFile(path: folder.appendingPathComponent("golden.safetensors").path)
    }

    /// Number of pictures.
    func count() throws -> Int { try golden.tensor("flagged").shape[0] }

    func picture(_ index: Int) throws -> PixelImage {
        let shape = try golden.tensor("picture.\(index)").shape
        let bytes = try golden.floats("picture.\(index)").map { UInt8($0) }
        guard let image = PixelImage(width: shape[1], height: shape[0], bytes: bytes) else {
            throw CocoaError(.fileReadCorruptFile)
        }
        return image
    }

    /// What is recorded of a picture in a tensor [pictures, n].
    func row(_ name: String, _ index: Int) throws -> [Float] {
        let width = try golden.tensor(name).shape[1]
        return Array(try golden.floats(name)[index * width..<(index + 1) * width])
    }

    /// A pipeline of diffusers with this checker; the caller removes the folder that it lies in.
    func pipeline() throws -> URL {
        let copy = try DiffusionFixture("usual").copy()
        for part in Self.parts {
            try FileManager.default.copyItem(
                at: folder.appendingPathComponent(part), to: copy.appendingPathComponent(part))
        }
        return copy
    }

    /// The checker as a pipeline has it.
    func checker() throws -> SafetyChecker {
        let pipeline = try pipeline()
        defer { try? FileManager.default.removeItem(at: pipeline.deletingLastPathComponent()) }
        guard let checker = try DiffusionFixture.decoder(pipeline).safetyChecker else {
            throw CocoaError(.fileNoSuchFile)
        }
        return checker
    }

    /// The checker's published tensors, with other values where `changes` has some.
    func tensors(
        _ changes: [String: (shape: [Int], values: [Float])?] = [:]
    ) throws -> [(name: String, shape: [Int], values: [Float])] {
        let file = try SafetensorsFile(path: folder.appendingPathComponent("safety_checker/model.safetensors").path)
        let own = try file.tensorNames.filter { !$0.hasSuffix("position_ids") && changes[$0] == nil }.map { name in
            (name: name, shape: try file.tensor(name).shape, values: try file.floats(name))
        }
        return own
            + changes.compactMap { name, change in change.map { (name: name, shape: $0.shape, values: $0.values) } }
    }
}

import Foundation
import ModelFiles
import Models
import Pixels
import Tensor
import TestSupport

/// The small Emu2-Gen of the recorded results with a safety checker of random weights beside it.
struct CheckedPipeline {
    static let gen = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/gen")
    private static let fixture = TestSupport.fixture("InferenceTests", "safety/usual")

    /// Above every cosine, and below.
    static let passesAll: Float = 2
    static let withholdsAll: Float = -2

    let path: String

    /// Makes it in a folder; every concept has this threshold but for those that are given another.
    init(in folder: URL, named name: String, threshold: Float, others: [Int: Float] = [:]) throws {
        let own = folder.appendingPathComponent(name)
        path = own.path
        let files = FileManager.default
        try files.createDirectory(at: own.appendingPathComponent("safety_checker"), withIntermediateDirectories: true)
        guard let gen = Self.gen else { throw CocoaError(.fileNoSuchFile) }
        for part in try files.contentsOfDirectory(atPath: gen.path) {
            try files.createSymbolicLink(
                at: own.appendingPathComponent(part), withDestinationURL: gen.appendingPathComponent(part))
        }
        for part in ["feature_extractor", "safety_checker/config.json"] {
            try files.copyItem(at: Self.fixture.appendingPathComponent(part), to: own.appendingPathComponent(part))
        }
        let weights = "safety_checker/model.safetensors"
        let published = try SafetensorsFile(path: Self.fixture.appendingPathComponent(weights).path)
        let tensors = try published.tensorNames.filter { !$0.hasSuffix("position_ids") }.map { name in
            var values = try published.floats(name)
            if name.hasSuffix("_embeds_weights") {
                values = values.indices.map { index in
                    name.hasPrefix("special") ? Self.passesAll : others[index] ?? threshold
                }
            }
            return (name: name, shape: try published.tensor(name).shape, values: values)
        }
        try SafetensorsWriter(tensors: tensors).data().write(to: own.appendingPathComponent(weights))
    }

    /// A checker that withholds one of several pictures and lets the others pass; with the index of that one.
    static func telling(
        apart pictures: [PixelImage], in folder: URL, named name: String
    ) throws -> (CheckedPipeline, withheld: Int) {
        let probe = try CheckedPipeline(in: folder, named: "probe", threshold: 0)
        guard let file = try DiffusionCheckpoint.file(path: probe.path),
            let checker = try DiffusionDecoder(file: file).safetyChecker
        else { throw CocoaError(.fileNoSuchFile) }
        let pool = ThreadPool(threadCount: 1)
        let scores = try pictures.map { try checker.verdict(on: $0, pool: pool)?.scores ?? [] }
        var best = (gap: 0.0, concept: 0, picture: 0, threshold: Float(0))
        for concept in scores[0].indices {
            let sorted = scores.indices.sorted { scores[$0][concept] > scores[$1][concept] }
            let (first, second) = (scores[sorted[0]][concept], scores[sorted[1]][concept])
            if first - second > best.gap { best = (first - second, concept, sorted[0], Float((first + second) / 2)) }
        }
        // Half of it is to be more than rounding.
        guard best.gap > 0.003 else { throw CocoaError(.featureUnsupported) }
        let pipeline = try CheckedPipeline(
            in: folder, named: name, threshold: passesAll, others: [best.concept: best.threshold])
        return (pipeline, best.picture)
    }
}

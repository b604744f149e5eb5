import Foundation
import Models
import Pixels
import Tensor

/// Compares what Emu2's visual encoder makes of pictures with what was recorded.
struct VisionParity {
    let model: Emu2
    let golden: GoldenSet
    let pool: ThreadPool

    private static let limit = 1e-4
    /// Decoders of JPEG differ by one step in 255.
    private static let pixelLimit = 1.0 / 255

    func compare(_ comparison: inout ParityComparison) throws {
        let pixels = try golden.pictures.map { try $0.map(model.configuration.preprocessing.pixels(of:)) }
        try comparePixels("pixels", pixels, &comparison)
        try comparePixels(
            "box_pixels", try golden.boxPictures.map { try $0.map(model.configuration.preprocessing.pixels(of:)) },
            &comparison)
        // The recorded pixels go in, so that a difference of the decoder does not hide one of the encoder.
        guard let first = recordedPixels(0) ?? (pixels.first ?? nil) else { return }
        let vision = model.configuration.vision
        if let hidden = try model.visual.hiddenStates(pixels: first, pool: pool) {
            try compare(
                "vit_hidden", hidden.values(0..<hidden.count), [1, vision.grid.tokenCount, vision.width], &comparison)
            let embeddings = model.pooled(hidden, to: model.imageSlots)
            try compare("image_embeds", embeddings, [1, model.imageSlots, vision.width], &comparison)
            try compare(
                "projected", model.embeddings(features: embeddings, pool: pool),
                [1, model.imageSlots, model.configuration.decoder.width], &comparison)
        }
        guard let second = recordedPixels(1) ?? (pixels.dropFirst().first ?? nil),
            let hidden = try model.visual.hiddenStates(pixels: second, pool: pool)
        else { return }
        try compare(
            "frame_embeds", model.pooled(hidden, to: model.frameSlots), [1, model.frameSlots, vision.width], &comparison
        )
    }

    /// What was recorded of a picture where it has this encoder's size.
    private func recordedPixels(_ index: Int) -> [Float]? {
        let size = 3 * model.configuration.vision.grid.imageSize * model.configuration.vision.grid.imageSize
        guard let all = try? golden.tensors.floats("pixels"), all.count >= (index + 1) * size else { return nil }
        return Array(all[index * size..<(index + 1) * size])
    }

    private func comparePixels(
        _ item: String, _ pixels: [[Float]?], _ comparison: inout ParityComparison
    ) throws {
        let found = pixels.compactMap(\.self)
        guard found.count == pixels.count, golden.tensors.tensors[item] != nil else { return }
        let side = model.configuration.vision.grid.imageSize
        comparison.compare(
            ParityComparison.noCase, tensor: item, found: found.flatMap(\.self),
            expected: try golden.tensors.floats(item), shape: [found.count, 3, side, side], limit: Self.pixelLimit,
            difference: largestStep)
    }

    /// The largest difference on the scale of 0 to 1 that the bytes had before they were normalised.
    private func largestStep(_ found: [Float], _ expected: [Float]) -> Double {
        guard found.count == expected.count else { return .infinity }
        let plane = model.configuration.vision.grid.imageSize * model.configuration.vision.grid.imageSize
        var largest: Float = 0
        for index in found.indices {
            let difference =
                abs(found[index] - expected[index]) * model.configuration.preprocessing.deviation[index / plane % 3]
            guard difference.isFinite else { return .infinity }
            largest = max(largest, difference)
        }
        // One step is not exactly 1/255 once it was normalised in fp32.
        return (Double(largest) * 255 * 1e4).rounded() / 1e4 / 255
    }

    private func compare(
        _ item: String, _ found: [Float], _ shape: [Int], _ comparison: inout ParityComparison
    ) throws {
        guard golden.tensors.tensors[item] != nil else { return }
        comparison.compare(
            ParityComparison.noCase, tensor: item, found: found, expected: try golden.tensors.floats(item),
            shape: shape, limit: Self.limit)
    }
}

import Generation
import Models
import Pixels

/// What a picture is compared by: the mean of what the visual encoder makes of it, one number per feature, scaled to
/// length 1.
///
/// Our own choice: the paper picks examples by retrieving similar pictures ("RICES") and names no features.
package struct PooledFeatures: Sendable, Equatable {
    private let values: [Float]

    /// - Parameter features: [slots, features], row-major, at least one row.
    package init(features: [Float], slots: Int) {
        let width = slots > 0 ? features.count / slots : 0
        var sums = [Double](repeating: 0, count: width)
        for slot in 0..<slots {
            for index in 0..<width { sums[index] += Double(features[slot * width + index]) }
        }
        let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
        values = length > 0 && length.isFinite ? sums.map { Float($0 / length) } : []
    }

    /// The cosine of the angle between both, from -1 to 1; -1 for what has no direction.
    package func similarity(to other: PooledFeatures) -> Float {
        guard !values.isEmpty, values.count == other.values.count else { return -1 }
        return zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The indices of the nearest of some pictures, the nearest last, so that it stands next to the question. Of equals
    /// the first ones count.
    package static func nearest(_ count: Int, to picture: PooledFeatures, among others: [PooledFeatures]) -> [Int] {
        let ranked = others.indices.map { ($0, picture.similarity(to: others[$0])) }
            .sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
        return ranked.prefix(max(0, count)).map(\.0).reversed()
    }
}

extension InferenceEngine {
    /// What a picture is compared by, encoded once as every picture is; nil when cancelled.
    package func pooledFeatures(
        of image: PixelImage, cancellation: CancellationFlag
    ) throws(GenerationFailure) -> PooledFeatures? {
        guard let pictures, let slots = loadedModel.promptBuilder.visualTokens?.imageSlots else {
            throw .backend("\(model.name) cannot see pictures, so that it cannot compare them.")
        }
        do {
            let features = try pictures.features(
                of: image, key: PictureKey(content: image.digest, slots: slots),
                isCancelled: { cancellation.isCancelled })
            return features.map { PooledFeatures(features: $0, slots: slots) }
        } catch { throw .backend(error.description) }
    }
}

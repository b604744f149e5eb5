import Foundation
import Generation
import Inference
import Models
import Tensor
import Tokenization

/// Compares the conditions, predictions, latents and pictures of a model that draws with what was recorded.
struct DrawingParity {
    let model: LoadedModel
    let emu2: Emu2
    let golden: GoldenSet
    let pool: ThreadPool

    /// Limits as `golden/README.md` states them: what a picture is drawn from, the first step, the last, steps and levels,
    /// and values of a picture from 0 to 1.
    private static let conditionLimit = 2e-4
    private static let firstStepLimit = 1e-3
    private static let latentLimit = 5e-3
    private static let scheduleLimit = 1e-5
    private static let pictureLimit = 2.0 / 255

    func compare(_ comparison: inout ParityComparison) throws {
        guard !golden.drawingCases.isEmpty || !golden.drawingInputs.isEmpty else { return }
        var conditions = try predictedConditions(&comparison)
        let autoencoding = try encodedConditions(&comparison)
        conditions["autoencode"] = autoencoding.picture
        let file: DiffusionDecoder?
        do {
            file = try DiffusionCheckpoint.file(
                path: model.file.path, configurationFolders: model.configurationFolders
            ).map { try DiffusionDecoder(file: $0) }
        } catch let error as ModelError {
            throw InferenceError.model(error)
        }
        guard let decoder = file else { return }
        for item in golden.drawingCases {
            let blank = item.name == "autoencode" ? autoencoding.blank : conditions["null"]
            guard let condition = conditions[item.name], let blank else { continue }
            try draw(item, decoder, condition, blank, &comparison)
        }
    }

    // MARK: Conditions

    /// The embeddings that are predicted behind each prompt.
    private func predictedConditions(_ comparison: inout ParityComparison) throws -> [String: [Float]] {
        let session = try DecoderSession(model: model, pool: pool)
        guard let regression = PictureRegression(model: model, session: session, pool: pool) else { return [:] }
        let encoder = PictureEncoder(
            model: emu2, precision: model.precision, pool: pool, store: nil, weightsDigest: model.encoderDigest)
        var conditions: [String: [Float]] = [:]
        for input in golden.drawingInputs {
            guard let parts = input.parts else { continue }
            let prompt = regression.tokenized(parts)
            if let recorded = input.inputIDs {
                comparison.compare(input.name, .inputIDs(prompt.tokens), isEqual: prompt.tokens == recorded)
            }
            guard
                let found = try regression.embeddings(
                    behind: prompt.items, pictures: try encoder.embeddings(of: prompt) ?? [:])
            else { continue }
            conditions[input.name] = found
            try compare(input.name, "prompt", found, emu2.conditionShape, Self.conditionLimit, &comparison)
        }
        return conditions
    }

    /// A picture that is drawn again: its own embeddings, and, as the condition to be led away from, those of a picture
    /// whose normalised pixels are all 0. Source: `generate_image` in `emu.py`.
    private func encodedConditions(
        _ comparison: inout ParityComparison
    ) throws -> (picture: [Float]?, blank: [Float]?) {
        guard golden.tensors.tensors["autoencode.prompt"] != nil, let picture = golden.pictures.first ?? nil else {
            return (nil, nil)
        }
        let own = try emu2.features(
            of: picture, slots: emu2.imageSlots, pool: pool, isCancelled: { false }, progress: { _ in })
        let blank = try emu2.blankFeatures(pool: pool)
        for (item, found) in [("prompt", own), ("negative", blank)] {
            guard let found else { continue }
            try compare("autoencode", item, found, emu2.conditionShape, Self.conditionLimit, &comparison)
        }
        return (own, blank)
    }

    // MARK: Drawing

    private func draw(
        _ item: GoldenSet.DrawingCase, _ decoder: DiffusionDecoder, _ condition: [Float], _ blank: [Float],
        _ comparison: inout ParityComparison
    ) throws {
        let request = item.request
        guard (1...decoder.scheduler.mostSteps).contains(request.steps), decoder.allows(request) else { return }
        let schedule = decoder.scheduler.schedule(steps: request.steps)
        for (name, found, expected) in [
            ("timesteps", schedule.timesteps, item.timesteps), ("sigmas", schedule.sigmas, item.sigmas),
        ] {
            comparison.compare(
                item.name, tensor: name, found: found, expected: expected, shape: [found.count],
                limit: Self.scheduleLimit)
        }
        let size = decoder.latentShape(request)
        let planes = try golden.tensors.floats("\(item.name).noise")
        guard planes.count == size.height * size.width * size.channels else { return }
        let noise = try FeatureMap(planes: planes, height: size.height, width: size.width, channels: size.channels)
        let shape = [1, size.channels, size.height, size.width]
        var first: (predicted: [Float], latents: [Float])?
        let latents = try decoder.latents(
            from: noise, condition: condition, unconditional: blank, request, pool: pool,
            observe: { step, predicted, latents in
                if step == 0 { first = (predicted.planes, latents.planes) }
            })
        guard let first, let latents else { return }
        try compare(item.name, "noise_pred0", first.predicted, shape, Self.firstStepLimit, &comparison)
        try compare(item.name, "latents1", first.latents, shape, Self.firstStepLimit, &comparison)
        try compare(item.name, "latents", latents.planes, shape, Self.latentLimit, &comparison)
        guard let picture = try decoder.picture(of: latents, pool: pool) else { return }
        try compare(
            item.name, "image", try published(picture, decoder), [1, picture.channels, picture.height, picture.width],
            Self.pictureLimit, &comparison, difference: largestDifference)
    }

    /// A picture's planes as the published pipeline gives them: black where its safety checker takes it for unsafe.
    private func published(_ picture: FeatureMap, _ decoder: DiffusionDecoder) throws -> [Float] {
        let planes = picture.planes
        guard let checker = decoder.safetyChecker, let image = PictureDrawer.pixels(picture),
            try checker.verdict(on: image, pool: pool)?.isFlagged == true
        else { return planes }
        return [Float](repeating: 0, count: planes.count)
    }

    /// On the scale of a picture's values, 0 to 1.
    private func largestDifference(_ found: [Float], _ expected: [Float]) -> Double {
        guard found.count == expected.count else { return .infinity }
        return zip(found, expected).reduce(0) { largest, pair in
            let difference = abs(Double(pair.0) - Double(pair.1))
            return difference.isFinite ? max(largest, difference) : .infinity
        }
    }

    private func compare(
        _ name: String, _ item: String, _ found: [Float], _ shape: [Int], _ limit: Double,
        _ comparison: inout ParityComparison,
        difference: ([Float], [Float]) -> Double = ParityComparison.largestRelativeDifference
    ) throws {
        guard golden.tensors.tensors["\(name).\(item)"] != nil else { return }
        comparison.compare(
            name, tensor: item, found: found, expected: try golden.tensors.floats("\(name).\(item)"), shape: shape,
            limit: limit, difference: difference)
    }
}

extension Emu2 {
    /// [1, embeddings of a picture, features]
    fileprivate var conditionShape: [Int] { [1, imageSlots, configuration.vision.width] }
}

// "Elucidating the Design Space of Diffusion-Based Generative Models", algorithm 2 without churn, over the noise levels of
// "Denoising Diffusion Probabilistic Models"; diffusers' `EulerDiscreteScheduler`.

import Foundation

/// Noise levels and Euler steps from pure noise to a picture.
package struct EulerDiscreteScheduler: Sendable, Equatable {
    /// How the steps are spread over those of training.
    enum Spacing: String, CaseIterable {
        case leading, linspace, trailing
    }

    /// What the network predicts.
    enum Prediction: String, CaseIterable {
        case epsilon
        case velocity = "v_prediction"
    }

    /// How the noise grows in training.
    enum Growth: String, CaseIterable {
        case linear
        case scaledLinear = "scaled_linear"
    }

    private let spacing: Spacing
    private let prediction: Prediction
    private let stepsOffset: Int
    /// Of every step of training: the deviation of the noise, relative to the picture's.
    private let trainedSigmas: [Double]

    /// The most steps that are taken.
    package static let mostSteps = 1000

    /// Checks a configuration of diffusers; what would be computed otherwise is refused by name.
    init(_ settings: DiffusionSettings) throws(ModelError) {
        try settings.requireUsual([
            "interpolation_type": "linear", "use_karras_sigmas": nil, "use_exponential_sigmas": nil,
            "use_beta_sigmas": nil, "trained_betas": nil, "rescale_betas_zero_snr": nil, "sigma_min": nil,
            "sigma_max": nil, "timestep_type": "discrete", "final_sigmas_type": "zero",
        ])
        spacing = try settings.word("timestep_spacing", default: .linspace)
        prediction = try settings.word("prediction_type", default: .epsilon)
        stepsOffset = try settings.integer("steps_offset", default: 0, in: 0...1000)
        let growth: Growth = try settings.word("beta_schedule", default: .linear)
        let count = try settings.integer("num_train_timesteps", default: 1000, in: 2...100_000)
        let first = try settings.number("beta_start", default: 0.0001, in: 1e-9...0.999)
        let last = try settings.number("beta_end", default: 0.02, in: 1e-9...0.999)
        var remaining = 1.0
        trainedSigmas = (0..<count).map { index in
            let share = Double(index) / Double(count - 1)
            let beta =
                switch growth {
                case .linear: first + (last - first) * share
                case .scaledLinear: pow(first.squareRoot() + (last.squareRoot() - first.squareRoot()) * share, 2)
                }
            remaining *= 1 - beta
            return ((1 - remaining) / remaining).squareRoot()
        }
    }

    /// The most steps that a schedule of this scheduler has.
    package var mostSteps: Int { min(Self.mostSteps, trainedSigmas.count) }

    /// The steps of one picture; `count` from 1 to `mostSteps`.
    package func schedule(steps count: Int) -> DiffusionSchedule {
        precondition(count > 0 && count <= mostSteps, "steps out of range")
        let trained = trainedSigmas.count
        let timesteps: [Double] = (0..<count).map { index in
            switch spacing {
            case .leading: Double((count - 1 - index) * (trained / count) + stepsOffset)
            case .linspace:
                count == 1 ? 0 : Double(Float(trained - 1) * Float(count - 1 - index) / Float(count - 1))
            case .trailing:
                (Double(trained) - Double(index) * Double(trained) / Double(count)).rounded(.toNearestOrEven) - 1
            }
        }
        let sigmas = timesteps.map { time in
            // Beyond the last step of training the noise stays at its level.
            let place = min(max(0, time), Double(trained - 1))
            let low = min(Int(place), trained - 2)
            return trainedSigmas[low] + (place - Double(low)) * (trainedSigmas[low + 1] - trainedSigmas[low])
        }
        let greatest = sigmas.max() ?? 0
        return DiffusionSchedule(
            timesteps: timesteps.map { Float($0) }, sigmas: sigmas.map { Float($0) } + [0],
            initialNoiseSigma: Float(spacing == .leading ? (greatest * greatest + 1).squareRoot() : greatest),
            predictsVelocity: prediction == .velocity)
    }
}

/// The steps from noise to a picture, first to last.
package struct DiffusionSchedule: Sendable, Equatable, Sequence {
    /// Steps of training that the network is told, and the noise levels, of which there is one more: 0, the end.
    package let timesteps: [Float]
    package let sigmas: [Float]
    /// What standard normal noise is multiplied by at the beginning.
    package let initialNoiseSigma: Float
    fileprivate let predictsVelocity: Bool

    /// One step.
    package struct Step: Sendable {
        package let index: Int
        package let timestep: Float
        package let sigma: Float
        package let nextSigma: Float
        fileprivate let predictsVelocity: Bool

        /// What latents are multiplied by before the network sees them.
        package var inputScale: Float { 1 / (sigma * sigma + 1).squareRoot() }

        /// Moves latents to the next noise level, along what the network predicted; both of `count` values.
        package func advance(
            _ latents: UnsafeMutablePointer<Float>, by predicted: UnsafePointer<Float>, count: Int
        ) {
            for index in 0..<count {
                let sample = latents[index]
                var derivative = predicted[index]
                if predictsVelocity { derivative = (sample - clean(sample, predicted[index])) / sigma }
                latents[index] = sample + derivative * (nextSigma - sigma)
            }
        }

        /// What a value of the latents would be without its noise, as far as the network can tell at this step.
        package func clean(_ sample: Float, _ predicted: Float) -> Float {
            predictsVelocity
                ? sample / (sigma * sigma + 1) - predicted * sigma * inputScale : sample - predicted * sigma
        }
    }

    package func makeIterator() -> some IteratorProtocol<Step> {
        timesteps.indices.lazy.map { index in
            Step(
                index: index, timestep: timesteps[index], sigma: sigmas[index], nextSigma: sigmas[index + 1],
                predictsVelocity: predictsVelocity)
        }.makeIterator()
    }
}

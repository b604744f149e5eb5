// "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", section 2; diffusers'
// `UNet2DConditionModel` with `addition_embed_type` `text_time`. Emu2-Gen ("Generative Multimodal Models are In-Context
// Learners", section 2.2) gives it a picture's regressed embeddings as the context, and their mean as the pooled text.
//
// Letters as in `FeatureMap.swift`; T tokens of the context, X its width, E width of the time embedding.

import Foundation
import ModelFiles
import Tensor

/// The denoising network of Stable Diffusion XL: what noise there is in a picture's latents.
package struct SDXLUNet: Sendable {
    package let configuration: SDXLUNetConfiguration
    /// time_embedding, add_embedding
    private let time: EmbeddingPerceptron
    private let added: EmbeddingPerceptron
    /// conv_in: [C, 4, 3, 3]
    private let input: Convolution
    /// down_blocks.0, …
    private let down: [Level]
    /// mid_block.resnets.0, mid_block.attentions.0, mid_block.resnets.1
    private let middle: (ResidualBlock, SpatialTransformer, ResidualBlock)
    /// up_blocks.0, …
    private let up: [Level]
    /// conv_norm_out: [C], conv_out: [4, C, 3, 3]
    private let outputNorm: GroupNorm
    private let output: Convolution

    /// The blocks of one level, and what changes the resolution behind them.
    private struct Level: Sendable {
        let blocks: [(residual: ResidualBlock, transformer: SpatialTransformer?)]
        let resampling: Convolution?
    }

    // MARK: Running

    /// What is known of a batch of pictures besides their latents.
    package struct Condition: Sendable {
        package let context: DiffusionContext
        /// Original height and width, crop's top and left, height and width: the same for all of the batch.
        package let sizes: [Float]

        package init(context: DiffusionContext, sizes: [Float]) {
            precondition(sizes.count == SDXLUNetConfiguration.sizeCount, "six sizes")
            (self.context, self.sizes) = (context, sizes)
        }
    }

    /// The predicted noise, [B, H, W, outputs]; void when the pool's work is cancelled meanwhile.
    ///
    /// `latents` [B, H, W, inputs] are already scaled by the scheduler; `timestep` counts the steps of training.
    package func predict(
        _ latents: FeatureMap, timestep: Float, condition: Condition, pool: ThreadPool
    ) throws(ModelError) -> FeatureMap {
        precondition(latents.channels == configuration.inputs, "latents of other channels")
        precondition(
            condition.context.count == latents.count && condition.context.width == configuration.contextWidth,
            "a context of another shape")
        let time = timeEmbedding(timestep, condition, pool)
        var map = try input.apply(latents, pool: pool)
        var skipped = [map]
        for level in down {
            for block in level.blocks {
                map = try block.residual.apply(map, time: time, pool: pool)
                try block.transformer?.apply(map, context: condition.context, pool: pool)
                skipped.append(map)
            }
            if let resampling = level.resampling {
                map = try resampling.apply(map, pool: pool)
                skipped.append(map)
            }
        }
        map = try middle.0.apply(map, time: time, pool: pool)
        try middle.1.apply(map, context: condition.context, pool: pool)
        map = try middle.2.apply(map, time: time, pool: pool)
        for level in up {
            for block in level.blocks {
                map = try block.residual.apply(
                    try map.concatenated(with: skipped.removeLast()), time: time, pool: pool)
                try block.transformer?.apply(map, context: condition.context, pool: pool)
            }
            if let resampling = level.resampling, let next = skipped.last {
                // To the size of what is met there, which is odd where it was halved and rounded up.
                map = try resampling.apply(map, enlargedTo: (next.height, next.width), pool: pool)
            }
        }
        return try output.apply(map, after: outputNorm, pool: pool)
    }

    /// Multiplications and additions of a prediction for one picture's latents of a size.
    package func operations(height: Int, width: Int, contextTokens: Int) -> Double {
        var size = (height: height, width: width)
        var sizes = [size]
        var positions: Int { size.height * size.width }
        func blocks(_ level: Level) -> Double {
            level.blocks.reduce(0) { sum, block in
                sum + block.residual.operations(positions: positions)
                    + (block.transformer?.operations(positions: positions, contextTokens: contextTokens) ?? 0)
            }
        }
        var sum = input.operations(positions: positions) + output.operations(positions: positions)
        for level in down {
            sum += blocks(level)
            if let resampling = level.resampling {
                size = ((size.height + 1) / 2, (size.width + 1) / 2)
                sizes.append(size)
                sum += resampling.operations(positions: positions)
            }
        }
        sum += middle.0.operations(positions: positions) + middle.2.operations(positions: positions)
        sum += middle.1.operations(positions: positions, contextTokens: contextTokens)
        for level in up {
            size = sizes.removeLast()
            sum += blocks(level)
            if let resampling = level.resampling, let next = sizes.last {
                sum += resampling.operations(positions: next.height * next.width)
            }
        }
        return sum
    }

    /// silu of the embedding of time, context and sizes for each picture, [B, E].
    private func timeEmbedding(_ timestep: Float, _ condition: Condition, _ pool: ThreadPool) -> [[Float]] {
        let steps = time.apply(sinusoids(timestep, features: configuration.levels[0].channels), pool: pool)
        let sizes = condition.sizes.flatMap { sinusoids($0, features: configuration.sizeFeatures) }
        return condition.context.means.map { mean in
            let sum = zip(steps, added.apply(mean + sizes, pool: pool)).map { $0 + $1 }
            return sum.map { $0 / (1 + exp(-$0)) }
        }
    }

    /// Source: `get_timestep_embedding` of diffusers, and "Attention Is All You Need", section 3.5.
    private func sinusoids(_ value: Float, features: Int) -> [Float] {
        let half = features / 2
        let angles = (0..<half).map { index in
            // Rounded where fp32 rounds: a rounding of the frequency is seen a thousand times enlarged.
            let exponent = Float(-log(10000.0)) * Float(index) / Float(Double(half) - configuration.frequencyShift)
            return Double(value * Float(exp(Double(exponent))))
        }
        let (sines, cosines) = (angles.map { Float(sin($0)) }, angles.map { Float(cos($0)) })
        return configuration.flipsSineToCosine ? cosines + sines : sines + cosines
    }

    // MARK: Loading

    /// Takes the weights `unet.*`, where they lie; every shape is checked.
    init(_ source: TensorSource, _ configuration: SDXLUNetConfiguration) throws(ModelError) {
        self.configuration = configuration
        source.hasFixedRows = true
        defer { source.hasFixedRows = false }
        let (levels, timeWidth) = (configuration.levels, configuration.timeWidth)
        let (groups, epsilon) = (configuration.groups, configuration.epsilon)
        let firstChannels = levels[0].channels
        time = try EmbeddingPerceptron(source, "unet.time_embedding", inputs: firstChannels, outputs: timeWidth)
        added = try EmbeddingPerceptron(
            source, "unet.add_embedding", inputs: configuration.addedWidth, outputs: timeWidth)
        input = try Convolution(source, "unet.conv_in", inputs: configuration.inputs, outputs: firstChannels)
        func residual(_ name: String, _ inputs: Int, _ outputs: Int) throws(ModelError) -> ResidualBlock {
            try ResidualBlock(
                source, name, inputs: inputs, outputs: outputs, timeWidth: timeWidth, groups: groups, epsilon: epsilon)
        }
        func transformer(_ name: String, _ level: SDXLUNetConfiguration.Level) throws(ModelError) -> SpatialTransformer
        {
            try SpatialTransformer(
                source, name, channels: level.channels, heads: level.heads, contextWidth: configuration.contextWidth,
                depth: level.depth, groups: groups)
        }
        // Channels of every map that the way up meets again.
        var skipped = [firstChannels]
        var channels = firstChannels
        var down = [Level]()
        for (index, level) in levels.enumerated() {
            let name = "unet.down_blocks.\(index)"
            var blocks: [(ResidualBlock, SpatialTransformer?)] = []
            for block in 0..<configuration.blocksPerLevel {
                let residual = try residual("\(name).resnets.\(block)", channels, level.channels)
                blocks.append(
                    (residual, level.attendsDown ? try transformer("\(name).attentions.\(block)", level) : nil))
                channels = level.channels
                skipped.append(channels)
            }
            var resampling: Convolution?
            if index < levels.count - 1 {
                resampling = try Convolution(
                    source, "\(name).downsamplers.0.conv", inputs: channels, outputs: channels, stride: 2,
                    padding: .all(configuration.downsamplePadding))
                skipped.append(channels)
            }
            down.append(Level(blocks: blocks, resampling: resampling))
        }
        self.down = down
        middle = (
            try residual("unet.mid_block.resnets.0", channels, channels),
            try transformer("unet.mid_block.attentions.0", levels[levels.count - 1]),
            try residual("unet.mid_block.resnets.1", channels, channels)
        )
        var up = [Level]()
        for (index, level) in levels.reversed().enumerated() {
            let name = "unet.up_blocks.\(index)"
            var blocks: [(ResidualBlock, SpatialTransformer?)] = []
            for block in 0...configuration.blocksPerLevel {
                let residual = try residual(
                    "\(name).resnets.\(block)", channels + skipped.removeLast(), level.channels)
                blocks.append((residual, level.attendsUp ? try transformer("\(name).attentions.\(block)", level) : nil))
                channels = level.channels
            }
            let resampling =
                index < levels.count - 1
                ? try Convolution(source, "\(name).upsamplers.0.conv", inputs: channels, outputs: channels) : nil
            up.append(Level(blocks: blocks, resampling: resampling))
        }
        self.up = up
        outputNorm = try GroupNorm(
            source, "unet.conv_norm_out", channels: firstChannels, groups: groups, epsilon: epsilon)
        output = try Convolution(source, "unet.conv_out", inputs: firstChannels, outputs: configuration.outputs)
    }
}

/// Two projections with SiLU between them: linear_1 [E, inputs], linear_2 [E, E].
private struct EmbeddingPerceptron: Sendable {
    let first: Linear
    let second: Linear

    init(_ source: TensorSource, _ name: String, inputs: Int, outputs: Int) throws(ModelError) {
        first = try Linear(source, biased: "\(name).linear_1", outputs: outputs, inputs: inputs)
        second = try Linear(source, biased: "\(name).linear_2", outputs: outputs, inputs: outputs)
    }

    func apply(_ x: [Float], pool: ThreadPool) -> [Float] {
        second.row(first.row(x, pool: pool).map { $0 / (1 + exp(-$0)) }, pool: pool)
    }
}

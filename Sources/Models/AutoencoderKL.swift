// "Auto-Encoding Variational Bayes" as in "High-Resolution Image Synthesis with Latent Diffusion Models", section 3.1;
// diffusers' `AutoencoderKL`. Letters as in `FeatureMap.swift`; L channels of the latents.

import Tensor

/// The sizes of an autoencoder, with their names in diffusers' `config.json`.
package struct AutoencoderKLConfiguration: Sendable, Equatable {
    /// `in_channels` and `out_channels`
    package let pictureChannels: Int
    /// `latent_channels`
    package let latentChannels: Int
    /// `block_out_channels`: each level is half as high and wide as the one before.
    package let channels: [Int]
    /// `layers_per_block`: residual blocks of a level of the encoder; the decoder's has one more.
    package let blocksPerLevel: Int
    /// `norm_num_groups`
    package let groups: Int
    /// `scaling_factor`: what latents are multiplied by behind the encoder, to be of unit variance.
    package let scalingFactor: Float
    /// `mid_block_add_attention`
    package let attends: Bool
    /// `use_quant_conv`, `use_post_quant_conv`
    package let projectsMoments: Bool
    package let projectsLatents: Bool

    /// Pixels along the side of what one position of the latents stands for.
    package var scale: Int { 1 << (channels.count - 1) }

    /// Checks a configuration of diffusers; what would be computed otherwise is refused by name.
    init(_ settings: DiffusionSettings) throws(ModelError) {
        channels = try settings.integers("block_out_channels")
        let count = channels.count
        try settings.requireUsual(["act_fn": "silu", "latents_mean": nil, "latents_std": nil, "shift_factor": nil])
        for (key, usual) in [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")] {
            for name in try settings.words(key, count: count) where name != usual {
                throw .unsupportedFeature(path: settings.path, feature: "\(settings.part).\(key) = \(name)")
            }
        }
        groups = try settings.integer("norm_num_groups", default: 32)
        for level in channels where level % groups != 0 {
            throw .invalidParameter(
                path: settings.path, key: "\(settings.part).block_out_channels", found: "\(level)",
                expected: "multiples of \(groups) (norm_num_groups)")
        }
        pictureChannels = try settings.integer("out_channels", default: 3, in: 3...3)
        _ = try settings.integer("in_channels", default: 3, in: 3...3)
        latentChannels = try settings.integer("latent_channels", default: 4)
        blocksPerLevel = try settings.integer("layers_per_block", default: 1)
        scalingFactor = Float(try settings.number("scaling_factor", default: 0.18215, in: 1e-6...1e6))
        attends = try settings.bool("mid_block_add_attention", default: true)
        projectsMoments = try settings.bool("use_quant_conv", default: true)
        projectsLatents = try settings.bool("use_post_quant_conv", default: true)
        if attends, channels[count - 1] > Kernels.maximumWholeHeadSize {
            throw .invalidParameter(
                path: settings.path, key: "\(settings.part).block_out_channels", found: "\(channels[count - 1])",
                expected: "at most \(Kernels.maximumWholeHeadSize) for attention")
        }
    }
}

/// The autoencoder of Stable Diffusion: pictures to latents an eighth as high and wide, and back.
package struct AutoencoderKL: Sendable {
    package let configuration: AutoencoderKLConfiguration
    private let encoder: EncoderHalf
    private let decoder: DecoderHalf
    /// quant_conv: [2·L, 2·L, 1, 1], post_quant_conv: [L, L, 1, 1]
    private let momentProjection: Convolution?
    private let latentProjection: Convolution?

    private static let epsilon: Float = 1e-6

    /// The picture of latents [1, H, W, L] as they are diffused: [1, scale·H, scale·W, 3], about -1 to 1. `progress` is
    /// told the share of the blocks that is done.
    ///
    /// Void when the pool's work is cancelled meanwhile.
    package func decode(
        _ latents: FeatureMap, pool: ThreadPool, progress: (Double) -> Void = { _ in }
    ) throws(ModelError) -> FeatureMap {
        let scaled = try FeatureMap(
            count: latents.count, height: latents.height, width: latents.width, channels: latents.channels)
        for index in 0..<latents.valueCount {
            scaled.pointer[index] = latents.pointer[index] / configuration.scalingFactor
        }
        let projected = try latentProjection?.apply(scaled, pool: pool) ?? scaled
        return try decoder.apply(projected, pool: pool, progress: progress)
    }

    /// Multiplications and additions of decoding latents of a size.
    package func decodingOperations(height: Int, width: Int) -> Double {
        (latentProjection?.operations(positions: height * width) ?? 0)
            + decoder.operations(positions: height * width)
    }

    /// Mean and logarithm of the variance of a picture's latents, before they are scaled: [1, ⌊H/scale⌋, ⌊W/scale⌋, 2·L]
    /// for a picture [1, H, W, 3] from -1 to 1. Void when the pool's work is cancelled meanwhile.
    package func moments(of picture: FeatureMap, pool: ThreadPool) throws(ModelError) -> FeatureMap {
        let moments = try encoder.apply(picture, pool: pool)
        return try momentProjection?.apply(moments, pool: pool) ?? moments
    }

    /// Takes the weights `vae.*`, where they lie; every shape is checked.
    init(_ source: TensorSource, _ configuration: AutoencoderKLConfiguration) throws(ModelError) {
        self.configuration = configuration
        source.hasFixedRows = true
        defer { source.hasFixedRows = false }
        encoder = try EncoderHalf(source, configuration)
        decoder = try DecoderHalf(source, configuration)
        let latents = configuration.latentChannels
        momentProjection =
            configuration.projectsMoments
            ? try Convolution(source, "vae.quant_conv", inputs: 2 * latents, outputs: 2 * latents, kernel: 1) : nil
        latentProjection =
            configuration.projectsLatents
            ? try Convolution(source, "vae.post_quant_conv", inputs: latents, outputs: latents, kernel: 1) : nil
    }

    private static func residual(
        _ source: TensorSource, _ name: String, _ inputs: Int, _ outputs: Int,
        _ configuration: AutoencoderKLConfiguration
    ) throws(ModelError) -> ResidualBlock {
        try ResidualBlock(
            source, name, inputs: inputs, outputs: outputs, timeWidth: nil, groups: configuration.groups,
            epsilon: epsilon)
    }

    /// The blocks of one level, and what changes the resolution behind them.
    private struct Level: Sendable {
        let blocks: [ResidualBlock]
        let resampling: Convolution?
    }

    /// mid_block: a residual block, attention over all positions in one head, a residual block.
    private struct Middle: Sendable {
        let first: ResidualBlock
        /// attentions.0.group_norm: [C]
        let norm: GroupNorm?
        let attention: SpatialAttention?
        let second: ResidualBlock

        init(
            _ source: TensorSource, _ name: String, _ configuration: AutoencoderKLConfiguration
        ) throws(ModelError) {
            let channels = configuration.channels[configuration.channels.count - 1]
            first = try AutoencoderKL.residual(source, "\(name).resnets.0", channels, channels, configuration)
            if configuration.attends {
                norm = try GroupNorm(
                    source, "\(name).attentions.0.group_norm", channels: channels, groups: configuration.groups,
                    epsilon: AutoencoderKL.epsilon)
                attention = try SpatialAttention(
                    source, "\(name).attentions.0", channels: channels, heads: 1, contextWidth: channels,
                    hasBias: true)
            } else {
                (norm, attention) = (nil, nil)
            }
            second = try AutoencoderKL.residual(source, "\(name).resnets.1", channels, channels, configuration)
        }

        func operations(positions: Int) -> Double {
            first.operations(positions: positions) + second.operations(positions: positions)
                + (attention?.operations(positions: positions, seen: positions) ?? 0)
        }

        func apply(_ map: FeatureMap, pool: ThreadPool) throws(ModelError) -> FeatureMap {
            let hidden = try first.apply(map, pool: pool)
            if let norm, let attention {
                let branch = try norm.apply(hidden, pool: pool)
                try attention.apply(branch, context: nil, pool: pool)
                hidden.add(branch)
            }
            return try second.apply(hidden, pool: pool)
        }
    }

    /// encoder.*
    private struct EncoderHalf: Sendable {
        let input: Convolution
        let levels: [Level]
        let middle: Middle
        let outputNorm: GroupNorm
        let output: Convolution

        init(_ source: TensorSource, _ configuration: AutoencoderKLConfiguration) throws(ModelError) {
            var channels = configuration.channels[0]
            input = try Convolution(
                source, "vae.encoder.conv_in", inputs: configuration.pictureChannels, outputs: channels)
            var levels = [Level]()
            for (index, outputs) in configuration.channels.enumerated() {
                let name = "vae.encoder.down_blocks.\(index)"
                var blocks = [ResidualBlock]()
                for block in 0..<configuration.blocksPerLevel {
                    blocks.append(
                        try AutoencoderKL.residual(source, "\(name).resnets.\(block)", channels, outputs, configuration)
                    )
                    channels = outputs
                }
                let resampling =
                    index < configuration.channels.count - 1
                    ? try Convolution(
                        source, "\(name).downsamplers.0.conv", inputs: channels, outputs: channels, stride: 2,
                        padding: .behind) : nil
                levels.append(Level(blocks: blocks, resampling: resampling))
            }
            self.levels = levels
            middle = try Middle(source, "vae.encoder.mid_block", configuration)
            outputNorm = try GroupNorm(
                source, "vae.encoder.conv_norm_out", channels: channels, groups: configuration.groups,
                epsilon: AutoencoderKL.epsilon)
            output = try Convolution(
                source, "vae.encoder.conv_out", inputs: channels, outputs: 2 * configuration.latentChannels)
        }

        func apply(_ picture: FeatureMap, pool: ThreadPool) throws(ModelError) -> FeatureMap {
            var map = try input.apply(picture, pool: pool)
            for level in levels {
                for block in level.blocks { map = try block.apply(map, pool: pool) }
                if let resampling = level.resampling { map = try resampling.apply(map, pool: pool) }
            }
            map = try middle.apply(map, pool: pool)
            return try output.apply(map, after: outputNorm, pool: pool)
        }
    }

    /// decoder.*
    private struct DecoderHalf: Sendable {
        let input: Convolution
        let middle: Middle
        let levels: [Level]
        let outputNorm: GroupNorm
        let output: Convolution

        init(_ source: TensorSource, _ configuration: AutoencoderKLConfiguration) throws(ModelError) {
            let reversed = Array(configuration.channels.reversed())
            var channels = reversed[0]
            input = try Convolution(
                source, "vae.decoder.conv_in", inputs: configuration.latentChannels, outputs: channels)
            middle = try Middle(source, "vae.decoder.mid_block", configuration)
            var levels = [Level]()
            for (index, outputs) in reversed.enumerated() {
                let name = "vae.decoder.up_blocks.\(index)"
                var blocks = [ResidualBlock]()
                for block in 0...configuration.blocksPerLevel {
                    blocks.append(
                        try AutoencoderKL.residual(source, "\(name).resnets.\(block)", channels, outputs, configuration)
                    )
                    channels = outputs
                }
                let resampling =
                    index < reversed.count - 1
                    ? try Convolution(source, "\(name).upsamplers.0.conv", inputs: channels, outputs: channels) : nil
                levels.append(Level(blocks: blocks, resampling: resampling))
            }
            self.levels = levels
            outputNorm = try GroupNorm(
                source, "vae.decoder.conv_norm_out", channels: channels, groups: configuration.groups,
                epsilon: AutoencoderKL.epsilon)
            output = try Convolution(
                source, "vae.decoder.conv_out", inputs: channels, outputs: configuration.pictureChannels)
        }

        func operations(positions: Int) -> Double {
            var sum = input.operations(positions: positions) + middle.operations(positions: positions)
            var positions = positions
            for level in levels {
                sum += level.blocks.reduce(0) { $0 + $1.operations(positions: positions) }
                if let resampling = level.resampling {
                    positions *= 4
                    sum += resampling.operations(positions: positions)
                }
            }
            return sum + output.operations(positions: positions)
        }

        func apply(
            _ latents: FeatureMap, pool: ThreadPool, progress: (Double) -> Void
        ) throws(ModelError) -> FeatureMap {
            // Each level has four times the positions of the one before, in about as many channels.
            let weights = levels.indices.map { Double(1 << (2 * $0)) }
            let total = weights.reduce(1, +)
            var done = 1.0
            var map = try middle.apply(try input.apply(latents, pool: pool), pool: pool)
            progress(done / total)
            for (level, weight) in zip(levels, weights) {
                for block in level.blocks {
                    map = try block.apply(map, pool: pool)
                    done += weight / Double(level.blocks.count)
                    progress(done / total)
                }
                if let resampling = level.resampling {
                    map = try resampling.apply(map, enlargedTo: (2 * map.height, 2 * map.width), pool: pool)
                }
            }
            return try output.apply(map, after: outputNorm, pool: pool)
        }
    }
}

import Tensor

/// The sizes of a UNet of Stable Diffusion XL's kind, with their names in diffusers' `config.json`.
package struct SDXLUNetConfiguration: Sendable, Equatable {
    /// One level of resolution; each is half as high and wide as the one before.
    package struct Level: Sendable, Equatable {
        /// `block_out_channels`
        package let channels: Int
        /// `attention_head_dim`: despite its name the number of heads.
        package let heads: Int
        /// `transformer_layers_per_block`
        package let depth: Int
        /// Whether it attends to the context, as `CrossAttnDownBlock2D` and `CrossAttnUpBlock2D`.
        package let attendsDown: Bool
        package let attendsUp: Bool
    }

    /// `in_channels`, `out_channels`
    package let inputs: Int
    package let outputs: Int
    package let levels: [Level]
    /// `layers_per_block`: residual blocks of a level on the way down; one more on the way up.
    package let blocksPerLevel: Int
    /// `cross_attention_dim`
    package let contextWidth: Int
    /// `time_embedding_dim`, usually four times the channels of the first level.
    package let timeWidth: Int
    /// `addition_time_embed_dim`: features of each of the six sizes.
    package let sizeFeatures: Int
    /// `norm_num_groups`, `norm_eps`
    package let groups: Int
    package let epsilon: Float
    package let flipsSineToCosine: Bool
    package let frequencyShift: Double
    package let downsamplePadding: Int

    /// Sizes that a picture is described by: the original's height and width, the crop's top and left, the target's height
    /// and width.
    package static let sizeCount = 6

    /// Features of a pooled context with the sizes behind it: `projection_class_embeddings_input_dim`.
    var addedWidth: Int { contextWidth + Self.sizeCount * sizeFeatures }

    /// Checks a configuration of diffusers; what would be computed otherwise is refused by name.
    init(_ settings: DiffusionSettings) throws(ModelError) {
        let channels = try settings.integers("block_out_channels")
        let count = channels.count
        try settings.requireUsual([
            "act_fn": "silu", "addition_embed_type": "text_time", "class_embed_type": nil, "center_input_sample": nil,
            "class_embeddings_concat": nil, "conv_in_kernel": "3", "conv_out_kernel": "3", "cross_attention_norm": nil,
            "dual_cross_attention": nil, "encoder_hid_dim": nil, "encoder_hid_dim_type": nil,
            "mid_block_only_cross_attention": nil, "mid_block_scale_factor": "1",
            "mid_block_type": "UNetMidBlock2DCrossAttn", "num_attention_heads": nil, "num_class_embeds": nil,
            "only_cross_attention": nil, "resnet_out_scale_factor": "1", "resnet_skip_time_act": nil,
            "resnet_time_scale_shift": "default", "reverse_transformer_layers_per_block": nil,
            "time_cond_proj_dim": nil, "time_embedding_act_fn": nil, "time_embedding_type": "positional",
            "timestep_post_act": nil, "attention_type": "default",
        ])
        func attends(_ key: String, _ plain: String, _ attending: String) throws(ModelError) -> [Bool] {
            var flags = [Bool]()
            for name in try settings.words(key, count: count) {
                guard name == plain || name == attending else {
                    throw .unsupportedFeature(path: settings.path, feature: "\(settings.part).\(key) = \(name)")
                }
                flags.append(name == attending)
            }
            return flags
        }
        let down = try attends("down_block_types", "DownBlock2D", "CrossAttnDownBlock2D")
        let up: [Bool] = try attends("up_block_types", "UpBlock2D", "CrossAttnUpBlock2D").reversed()
        let heads = try settings.integers("attention_head_dim", count: count, default: 8)
        let depths = try settings.integers("transformer_layers_per_block", count: count, default: 1)
        groups = try settings.integer("norm_num_groups", default: 32)
        levels = channels.indices.map {
            Level(
                channels: channels[$0], heads: heads[$0], depth: depths[$0], attendsDown: down[$0], attendsUp: up[$0])
        }
        for (index, level) in levels.enumerated() {
            guard level.channels % groups == 0 else {
                throw .invalidParameter(
                    path: settings.path, key: "\(settings.part).block_out_channels", found: "\(level.channels)",
                    expected: "multiples of \(groups) (norm_num_groups)")
            }
            let attends = level.attendsDown || level.attendsUp || index == count - 1
            let headSize = level.channels / level.heads
            if attends, level.channels % level.heads != 0 || headSize > Kernels.maximumWholeHeadSize {
                throw .invalidParameter(
                    path: settings.path, key: "\(settings.part).attention_head_dim", found: "\(level.heads)",
                    expected: "a divisor of \(level.channels) channels, for heads of up to "
                        + "\(Kernels.maximumWholeHeadSize) features")
            }
        }
        inputs = try settings.integer("in_channels", default: 4)
        outputs = try settings.integer("out_channels", default: 4)
        blocksPerLevel = try settings.integer("layers_per_block", default: 2)
        contextWidth = try settings.integer("cross_attention_dim")
        timeWidth = try settings.integer("time_embedding_dim", default: 4 * channels[0], in: 1...(4 * 65536))
        sizeFeatures = try settings.integer("addition_time_embed_dim")
        epsilon = Float(try settings.number("norm_eps", default: 1e-5, in: 0...1))
        flipsSineToCosine = try settings.bool("flip_sin_to_cos", default: true)
        frequencyShift = try settings.number("freq_shift", default: 0, in: 0...1)
        downsamplePadding = try settings.integer("downsample_padding", default: 1, in: 1...1)
        for (key, features) in [("block_out_channels", channels[0]), ("addition_time_embed_dim", sizeFeatures)]
        where features % 2 != 0 || features < 4 {
            throw .invalidParameter(
                path: settings.path, key: "\(settings.part).\(key)", found: "\(features)",
                expected: "an even number of features for sines and cosines")
        }
        let key = "projection_class_embeddings_input_dim"
        let added = try settings.integer(key, default: addedWidth, in: 1...(1 << 24))
        guard added == addedWidth else {
            throw .invalidParameter(
                path: settings.path, key: "\(settings.part).\(key)", found: "\(added)",
                expected: "\(addedWidth), the context's width and six sizes")
        }
    }
}

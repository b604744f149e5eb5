import ModelFiles
import Models

/// The sizes of a diffusion decoder to be made up: its configurations, and the names and shapes of its tensors.
///
/// Source: `UNet2DConditionModel` and `AutoencoderKL` of diffusers.
struct DiffusionSizes: Sendable {
    /// One level of the UNet's resolutions, with its transformers' heads and depth; depth 0 has none.
    struct Level: Sendable {
        let channels: Int
        let heads: Int
        let depth: Int
    }

    let levels: [Level]
    /// Features of a picture's embeddings.
    let contextWidth: Int
    /// Features of each of the six sizes that the UNet is told.
    let sizeFeatures: Int
    let autoencoderChannels: [Int]
    /// What channels are normalised in.
    let groups: Int

    private static let (blocksPerLevel, latentChannels) = (2, 4)

    /// Emu2-Gen's.
    static let published = DiffusionSizes(
        levels: [
            Level(channels: 320, heads: 5, depth: 0), Level(channels: 640, heads: 10, depth: 2),
            Level(channels: 1280, heads: 20, depth: 10),
        ], contextWidth: 1792, sizeFeatures: 256, autoencoderChannels: [128, 256, 512, 512], groups: 32)

    /// For embeddings of so many features, a picture in a second.
    static func tiny(contextWidth: Int) -> DiffusionSizes {
        DiffusionSizes(
            levels: [Level(channels: 32, heads: 2, depth: 0), Level(channels: 64, heads: 4, depth: 1)],
            contextWidth: contextWidth, sizeFeatures: 8, autoencoderChannels: [32, 64], groups: 8)
    }

    // MARK: Configurations

    /// What a GGUF's header says of it.
    var metadata: [(key: String, value: GGUFMetadataValue)] {
        func kinds(_ plain: String, _ attending: String, _ levels: [Level]) -> String {
            "[\(levels.map { "\"\($0.depth > 0 ? attending : plain)\"" }.joined(separator: ", "))]"
        }
        func repeated(_ kind: String) -> String {
            "[\(autoencoderChannels.map { _ in "\"\(kind)\"" }.joined(separator: ", "))]"
        }
        let unet = """
            {"addition_embed_type": "text_time", "addition_time_embed_dim": \(sizeFeatures), \
            "attention_head_dim": \(levels.map(\.heads)), "block_out_channels": \(levels.map(\.channels)), \
            "cross_attention_dim": \(contextWidth), \
            "down_block_types": \(kinds("DownBlock2D", "CrossAttnDownBlock2D", levels)), \
            "layers_per_block": \(Self.blocksPerLevel), "norm_num_groups": \(groups), \
            "transformer_layers_per_block": \(levels.map { max(1, $0.depth) }), \
            "up_block_types": \(kinds("UpBlock2D", "CrossAttnUpBlock2D", levels.reversed())), \
            "use_linear_projection": true}
            """
        let autoencoder = """
            {"block_out_channels": \(autoencoderChannels), "down_block_types": \(repeated("DownEncoderBlock2D")), \
            "latent_channels": \(Self.latentChannels), "layers_per_block": \(Self.blocksPerLevel), \
            "norm_num_groups": \(groups), "scaling_factor": 0.13025, "up_block_types": \(repeated("UpDecoderBlock2D"))}
            """
        return DiffusionCheckpoint.metadata(unet: unet, autoencoder: autoencoder)
    }

    // MARK: Tensors

    /// Every tensor's name with its shape, innermost dimension first.
    var tensors: [(name: String, shape: [Int])] { unetTensors + autoencoderTensors }

    private func linear(_ name: String, _ inputs: Int, _ outputs: Int, biased: Bool = true) -> [(String, [Int])] {
        [("\(name).weight", [inputs, outputs])] + (biased ? [("\(name).bias", [outputs])] : [])
    }

    /// A kernel lies as a row for each output.
    private func convolution(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int = 3) -> [(String, [Int])] {
        linear(name, inputs * kernel * kernel, outputs)
    }

    private func norm(_ name: String, _ channels: Int) -> [(String, [Int])] {
        [("\(name).weight", [channels]), ("\(name).bias", [channels])]
    }

    private func residual(_ name: String, _ inputs: Int, _ outputs: Int, time: Int?) -> [(String, [Int])] {
        norm("\(name).norm1", inputs) + convolution("\(name).conv1", inputs, outputs)
            + (time.map { linear("\(name).time_emb_proj", $0, outputs) } ?? [])
            + norm("\(name).norm2", outputs) + convolution("\(name).conv2", outputs, outputs)
            + (inputs == outputs ? [] : convolution("\(name).conv_shortcut", inputs, outputs, kernel: 1))
    }

    private func transformer(_ name: String, _ level: Level) -> [(String, [Int])] {
        let width = level.channels
        var tensors = norm("\(name).norm", width) + linear("\(name).proj_in", width, width)
        for index in 0..<max(1, level.depth) {
            let block = "\(name).transformer_blocks.\(index)"
            for (part, seen) in [("attn1", width), ("attn2", contextWidth)] {
                tensors += linear("\(block).\(part).to_q", width, width, biased: false)
                for projection in ["to_k", "to_v"] {
                    tensors += linear("\(block).\(part).\(projection)", seen, width, biased: false)
                }
                tensors += linear("\(block).\(part).to_out.0", width, width)
            }
            for number in 1...3 { tensors += norm("\(block).norm\(number)", width) }
            tensors += linear("\(block).ff.net.0.proj", width, 8 * width)
            tensors += linear("\(block).ff.net.2", 4 * width, width)
        }
        return tensors + linear("\(name).proj_out", width, width)
    }

    private var unetTensors: [(String, [Int])] {
        let first = levels[0].channels
        let (time, added) = (4 * first, contextWidth + 6 * sizeFeatures)
        var tensors = linear("unet.time_embedding.linear_1", first, time)
        tensors += linear("unet.time_embedding.linear_2", time, time)
        tensors += linear("unet.add_embedding.linear_1", added, time)
        tensors += linear("unet.add_embedding.linear_2", time, time)
        tensors += convolution("unet.conv_in", Self.latentChannels, first)
        var (channels, skipped) = (first, [first])
        for (index, level) in levels.enumerated() {
            let name = "unet.down_blocks.\(index)"
            for block in 0..<Self.blocksPerLevel {
                tensors += residual("\(name).resnets.\(block)", channels, level.channels, time: time)
                if level.depth > 0 { tensors += transformer("\(name).attentions.\(block)", level) }
                channels = level.channels
                skipped.append(channels)
            }
            if index < levels.count - 1 {
                tensors += convolution("\(name).downsamplers.0.conv", channels, channels)
                skipped.append(channels)
            }
        }
        tensors += residual("unet.mid_block.resnets.0", channels, channels, time: time)
        tensors += transformer("unet.mid_block.attentions.0", levels[levels.count - 1])
        tensors += residual("unet.mid_block.resnets.1", channels, channels, time: time)
        for (index, level) in levels.reversed().enumerated() {
            let name = "unet.up_blocks.\(index)"
            for block in 0...Self.blocksPerLevel {
                let inputs = channels + skipped.removeLast()
                tensors += residual("\(name).resnets.\(block)", inputs, level.channels, time: time)
                if level.depth > 0 { tensors += transformer("\(name).attentions.\(block)", level) }
                channels = level.channels
            }
            if index < levels.count - 1 { tensors += convolution("\(name).upsamplers.0.conv", channels, channels) }
        }
        return tensors + norm("unet.conv_norm_out", first) + convolution("unet.conv_out", first, Self.latentChannels)
    }

    private func middle(_ name: String, _ channels: Int) -> [(String, [Int])] {
        var tensors = residual("\(name).resnets.0", channels, channels, time: nil)
        tensors += norm("\(name).attentions.0.group_norm", channels)
        for part in ["to_q", "to_k", "to_v", "to_out.0"] {
            tensors += linear("\(name).attentions.0.\(part)", channels, channels)
        }
        return tensors + residual("\(name).resnets.1", channels, channels, time: nil)
    }

    private var autoencoderTensors: [(String, [Int])] {
        let (first, last) = (autoencoderChannels[0], autoencoderChannels[autoencoderChannels.count - 1])
        let latents = Self.latentChannels
        var tensors = convolution("vae.encoder.conv_in", 3, first)
        func levels(
            _ name: String, _ all: [Int], from first: Int, blocks: Int, _ resampling: String
        ) -> [(String, [Int])] {
            var (tensors, channels) = ([(String, [Int])](), first)
            for (index, outputs) in all.enumerated() {
                for block in 0..<blocks {
                    tensors += residual("\(name).\(index).resnets.\(block)", channels, outputs, time: nil)
                    channels = outputs
                }
                if index < all.count - 1 {
                    tensors += convolution("\(name).\(index).\(resampling).0.conv", channels, channels)
                }
            }
            return tensors
        }
        tensors += levels(
            "vae.encoder.down_blocks", autoencoderChannels, from: first, blocks: Self.blocksPerLevel, "downsamplers")
        tensors += middle("vae.encoder.mid_block", last) + norm("vae.encoder.conv_norm_out", last)
        tensors += convolution("vae.encoder.conv_out", last, 2 * latents)
        tensors += convolution("vae.quant_conv", 2 * latents, 2 * latents, kernel: 1)
        tensors += convolution("vae.post_quant_conv", latents, latents, kernel: 1)
        tensors += convolution("vae.decoder.conv_in", latents, last) + middle("vae.decoder.mid_block", last)
        tensors += levels(
            "vae.decoder.up_blocks", autoencoderChannels.reversed(), from: last, blocks: Self.blocksPerLevel + 1,
            "upsamplers")
        return tensors + norm("vae.decoder.conv_norm_out", first) + convolution("vae.decoder.conv_out", first, 3)
    }
}

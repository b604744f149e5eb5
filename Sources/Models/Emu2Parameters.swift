import ModelFiles

/// What an Emu2 checkpoint's `config.json` says; where a native file comes without one, what was published.
///
/// Source: `Emu2/emu/conf` of the official code; section by section the names are Hugging Face's.
package struct Emu2Parameters: Sendable, Equatable {
    package var sizes: Emu2Sizes
    package var visionHeads: Int
    /// Embeddings of a picture and of a frame of a clip.
    package var imageTokens: Int
    package var frameTokens: Int
    package var visionNormEpsilon: Float
    package var normEpsilon: Float
    package var contextLength: Int
    package var rotaryBase: Float
    /// Whether the model was trained for conversations, with tokens for the roles.
    package var isChat: Bool

    /// Rows of the embedding that the base model has; Emu2-Chat has two more for the roles.
    package static let baseVocabulary = 32272
    package static let chatVocabulary = 32274

    /// The published sizes, for a vocabulary of so many rows.
    package static func published(vocabulary: Int) -> Emu2Parameters {
        let isChat = vocabulary > baseVocabulary
        return Emu2Parameters(
            sizes: Emu2Sizes(
                imageSize: 448, patchSize: 14, visionWidth: 1792, visionLayers: 64, visionFeedForward: 15360,
                width: 6656, layers: 60, feedForward: 17920, heads: 52, keyValueHeads: 52, vocabulary: vocabulary),
            visionHeads: 16, imageTokens: isChat ? 256 : 64, frameTokens: 64, visionNormEpsilon: 1e-6,
            normEpsilon: 1e-6, contextLength: 2048, rotaryBase: 10000, isChat: isChat)
    }

    /// The tokens that the official code adds to LLaMA's, in its order.
    package static let addedTokens: [String] =
        [
            "[PAD]", "[IMG]", "[/IMG]", "<image>", "[gIMG]", "[/gIMG]", "[EOC]", "[VIDEO]", "<grounding>", "<phrase>",
            "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "<REC>",
        ]
        + (0...256).map { number in
            let digits = String(number)
            return "<patch_index_\(String(repeating: "0", count: 4 - digits.count))\(digits)>"
        } + ["[USER]", "[ASSISTANT]"]

    /// The metadata of a GGUF: what a loader reads, and under whose terms the weights are.
    package func metadata(name: String) -> [(key: String, value: GGUFMetadataValue)] {
        func number(_ value: Int) -> GGUFMetadataValue { .unsigned(UInt32(clamping: value)) }
        return [
            ("general.architecture", .string("emu2")),
            ("general.type", .string("model")),
            ("general.name", .string(name)),
            ("general.license", .string("other")),
            ("general.license.name", .string(Emu2Licence.name)),
            ("general.license.terms", .string(Emu2Licence.terms)),
            ("general.quantization_version", .unsigned(2)),
            ("emu2.model_version", .string(isChat ? "chat" : "base")),
            ("emu2.block_count", number(sizes.layers)),
            ("emu2.embedding_length", number(sizes.width)),
            ("emu2.feed_forward_length", number(sizes.feedForward)),
            ("emu2.context_length", number(contextLength)),
            ("emu2.vocab_size", number(sizes.vocabulary)),
            ("emu2.attention.head_count", number(sizes.heads)),
            ("emu2.attention.head_count_kv", number(sizes.keyValueHeads)),
            ("emu2.attention.layer_norm_rms_epsilon", .float(normEpsilon)),
            ("emu2.rope.dimension_count", number(sizes.width / sizes.heads)),
            ("emu2.rope.freq_base", .float(rotaryBase)),
            // Rows of queries and keys stand as published; converters for `llama` reorder them.
            ("emu2.rope.layout", .string("half-split")),
            ("emu2.vision.image_size", number(sizes.imageSize)),
            ("emu2.vision.patch_size", number(sizes.patchSize)),
            ("emu2.vision.embedding_length", number(sizes.visionWidth)),
            ("emu2.vision.block_count", number(sizes.visionLayers)),
            ("emu2.vision.feed_forward_length", number(sizes.visionFeedForward)),
            ("emu2.vision.attention.head_count", number(visionHeads)),
            ("emu2.vision.attention.layer_norm_epsilon", .float(visionNormEpsilon)),
            ("emu2.vision.post_norm", .bool(sizes.visionForm.isPostNormalized)),
            ("emu2.vision.attention.qv_bias", .bool(sizes.visionForm.hasQueryValueBias)),
            ("emu2.vision.sub_norm", .bool(sizes.visionForm.hasSubNorms)),
            ("emu2.vision.swiglu", .bool(sizes.visionForm.isGated)),
            ("emu2.vision.final_norm", .bool(sizes.visionForm.hasFinalNorm)),
            ("emu2.vision.image_tokens", number(imageTokens)),
            ("emu2.vision.frame_tokens", number(frameTokens)),
            ("emu2.vision.image_mean", .floats([0.48145466, 0.4578275, 0.40821073])),
            ("emu2.vision.image_std", .floats([0.26862954, 0.26130258, 0.27577711])),
        ]
            + (sizes.visionForm.rotary.map { rotary in
                [
                    ("emu2.vision.rope.grid_side", number(rotary.gridSide)),
                    ("emu2.vision.rope.freq_base", .float(Float(rotary.base))),
                ]
            } ?? [])
    }
}

/// Under whose terms Emu2's weights may be used.
package enum Emu2Licence {
    package static let name = "LLaMA 1, non-commercial"
    package static let terms =
        "Emu2's weights derive from Meta's LLaMA 1 and follow its terms: non-commercial research use only, "
        + "for those to whom Meta granted access."
}

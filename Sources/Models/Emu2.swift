// Emu2: "Generative Multimodal Models are In-Context Learners", section 2; the published code `emu.py`. A picture
// becomes a few embeddings (encoder, average pooling, one projection) that stand between those of the text's tokens.
//
// Letters: T tokens of the encoder, W its width, Q embeddings of a picture, E the decoder's width.

import ModelFiles
import Pixels
import Tensor

/// An Emu2 model: a visual encoder, projections in both directions, and a decoder of the LLaMA family.
package struct Emu2: VisualModel {
    package let configuration: Emu2Configuration
    package var decoder: any Decoder { llama }
    private let llama: LlamaDecoder
    package let parameterCount: Int
    /// v.*
    package let visual: EvaVisionTransformer
    /// mm.up: [E, W], from a picture's embeddings to the decoder.
    private let projectUp: Linear
    /// mm.down: [W, E], from the decoder's last hidden state to a picture's embedding.
    private let projectDown: Linear

    package var imageSlots: Int { configuration.imageTokens }
    package var frameSlots: Int { configuration.frameTokens }
    package var seenSize: (width: Int, height: Int) {
        (configuration.preprocessing.side, configuration.preprocessing.side)
    }
    package var preprocessingName: String { configuration.preprocessing.name }
    package var encoderPrefix: String { "v." }
    package var encoderKeyPrefix: String { "emu2." }
    package var marking: PictureMarking { .emu2 }
    package var encoderLayerCount: Int { configuration.vision.layerCount }
    package var encoderWorkspaceBytes: Int { EvaVisionTransformer.workspaceBytes(configuration.vision) }

    // MARK: Seeing

    package func features(
        of image: PixelImage, slots: Int, pool: ThreadPool, isCancelled: () -> Bool, progress: (Int) -> Void
    ) throws(ModelError) -> [Float]? {
        let hidden = try visual.hiddenStates(
            pixels: try configuration.preprocessing.pixels(of: image), pool: pool, isCancelled: isCancelled,
            progress: progress)
        return hidden.map { pooled($0, to: slots) }
    }

    /// Averages over squares of the encoder's hidden states [T, W] without the class token: [Q, W].
    package func pooled(_ hidden: FloatBuffer, to count: Int) -> [Float] {
        let grid = configuration.vision.grid.side
        return PatchPooling.averages(
            hidden, grid: grid, square: Emu2Configuration.poolingSide(grid: grid, tokens: count),
            width: configuration.vision.width)
    }

    /// A picture's features [Q, W] as the decoder takes them: [Q, E].
    package func embeddings(features: [Float], pool: ThreadPool) -> [Float] {
        let count = features.count / projectUp.weight.columns
        return [Float](unsafeUninitializedCapacity: count * projectUp.weight.rows) { buffer, initialized in
            features.withUnsafeBufferPointer { source in
                if let from = source.baseAddress, let to = buffer.baseAddress {
                    projectUp.apply(from, count: count, into: to, pool: pool)
                    initialized = count * projectUp.weight.rows
                }
            }
        }
    }

    // MARK: Drawing

    /// The embedding of a picture that the decoder predicts behind a row: hidden[E] of its last layer to [W]. Source:
    /// `generate_image` in `emu.py`.
    package func predictedEmbedding(hidden: UnsafePointer<Float>, pool: ThreadPool) -> [Float] {
        let normalized = [Float](unsafeUninitializedCapacity: projectDown.weight.columns) { buffer, initialized in
            if let out = buffer.baseAddress {
                llama.normalize(hidden: hidden, count: 1, into: out, pool: pool)
                initialized = projectDown.weight.columns
            }
        }
        return projectDown.row(normalized, pool: pool)
    }

    /// What a picture is led away from that is drawn again from its own embeddings: those of normalised pixels that are
    /// all 0, the mean colour; [Q, W]; nil when cancelled.
    package func blankFeatures(
        pool: ThreadPool, isCancelled: () -> Bool = { false }
    ) throws(ModelError) -> [Float]? {
        let side = configuration.preprocessing.side
        let hidden = try visual.hiddenStates(
            pixels: [Float](repeating: 0, count: 3 * side * side), pool: pool, isCancelled: isCancelled)
        return hidden.map { pooled($0, to: imageSlots) }
    }

    // MARK: Loading

    /// Takes the weights from a GGUF file, where they stay unless they are packed; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let reader = ParameterReader(file: file, prefix: "emu2")
        let source = TensorSource(file: file, loading: loading) { !DiffusionCheckpoint.isPart($0) }
        configuration = try reader.emu2Configuration()
        let rotary = try reader.rotaryEmbedding(configuration.decoder, source, layout: .halfSplit)
        llama = try LlamaDecoder(
            source, configuration.decoder, epsilon: try reader.normEpsilon(default: 1e-6), rotary: rotary)
        let (width, outer) = (configuration.vision.width, configuration.decoder.width)
        visual = try EvaVisionTransformer(source, configuration.vision)
        projectUp = try Linear(source, "mm.up", outputs: outer, inputs: width)
        projectDown = try Linear(source, "mm.down", outputs: width, inputs: outer)
        parameterCount = try source.finish()
    }
}

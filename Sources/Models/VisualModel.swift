import Pixels
import Tensor

/// A model whose decoder takes pictures between its tokens.
package protocol VisualModel: Sendable {
    /// What computes contexts with pictures.
    var decoder: any Decoder { get }

    /// What computes contexts without one, of the same sizes; nil where it is the same.
    var textDecoder: (any Decoder)? { get }

    /// Number of weights of all parts.
    var parameterCount: Int { get }

    /// Places in the context that a picture takes, and a frame of a clip.
    var imageSlots: Int { get }
    var frameSlots: Int { get }

    /// Width and height to which a picture is brought before it is seen.
    var seenSize: (width: Int, height: Int) { get }

    /// Names what `features` depends on besides the picture and the weights; another one where that changes.
    var preprocessingName: String { get }

    /// Prefixes of the names of all tensors, and of the keys of all sizes, that `features` depends on.
    var encoderPrefix: String { get }
    var encoderKeyPrefix: String { get }

    /// How pictures stand between the tokens.
    var marking: PictureMarking { get }

    /// Layers of the visual encoder: what progress counts.
    var encoderLayerCount: Int { get }

    /// Bytes of activations while a picture is encoded.
    var encoderWorkspaceBytes: Int { get }

    /// What the encoder makes of a picture, before it is fitted to the decoder: [slots, features]; nil when cancelled.
    ///
    /// The same picture gives the same bits whatever else is computed. `isCancelled` is asked within each layer,
    /// `progress` told the layers done after it.
    func features(
        of image: PixelImage, slots: Int, pool: ThreadPool, isCancelled: () -> Bool, progress: (Int) -> Void
    ) throws(ModelError) -> [Float]?

    /// Features [slots, features] as rows for the decoder: [slots, decoder's width].
    func embeddings(features: [Float], pool: ThreadPool) -> [Float]
}

extension VisualModel {
    package var textDecoder: (any Decoder)? { nil }
}

/// How a model's pictures stand between its tokens.
package enum PictureMarking: Sendable, Equatable {
    /// Between Emu2's own tokens.
    case emu2
    /// Alone; this control token's id stands in their places.
    case bare(placeholder: String)
}

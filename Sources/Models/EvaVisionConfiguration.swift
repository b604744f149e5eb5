import Tensor

/// The sizes of an EVA vision transformer.
package struct EvaVisionConfiguration: Sendable, Equatable {
    package let grid: PictureGrid
    package let width: Int
    package let layerCount: Int
    package let heads: Int
    package let feedForwardWidth: Int
    package let normEpsilon: Float
    package let form: EvaVisionForm

    package init(
        imageSize: Int, patchSize: Int, width: Int, layerCount: Int, heads: Int, feedForwardWidth: Int,
        normEpsilon: Float, form: EvaVisionForm = EvaVisionForm()
    ) {
        grid = PictureGrid(imageSize: imageSize, patchSize: patchSize)
        self.width = width
        self.layerCount = layerCount
        self.heads = heads
        self.feedForwardWidth = feedForwardWidth
        self.normEpsilon = normEpsilon
        self.form = form
    }

    package var headSize: Int { width / heads }
}

/// What differs between the sizes of EVA-CLIP and EVA-02-CLIP beside their sizes; as it stands, Emu2's encoder.
///
/// Sources: `eva_vit_model.py` of EVA-CLIP; "EVA-02: A Visual Representation for Neon Genesis", section 2.1.
package struct EvaVisionForm: Sendable, Equatable {
    /// Each branch is normalised behind its last projection, inside the residual; otherwise before its first.
    package var isPostNormalized = true
    /// Queries and values have a bias; keys never have one.
    package var hasQueryValueBias = true
    /// Sub-LN: each branch is also normalised before its last projection. Queries, keys and values are then three
    /// matrices instead of a fused one.
    package var hasSubNorms = false
    /// SwiGLU instead of GELU.
    package var isGated = false
    /// A norm behind the last block.
    package var hasFinalNorm = false
    /// Queries and keys of patches are rotated; nil where they are not.
    package var rotary: Rotary?

    /// Rotation by the place in the picture: half of a head's pairs turn with the row, half with the column.
    package struct Rotary: Sendable, Equatable {
        /// Patches along a side of the grid that the positions count; a finer grid lies between them.
        package var gridSide: Int
        package var base: Double

        package init(gridSide: Int, base: Double = 10000) {
            self.gridSide = gridSide
            self.base = base
        }
    }

    package init() {}
}

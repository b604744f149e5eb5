// "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", section 3.1.
//
// Letters: P patches, T = 1 + P tokens, W width, S side in pixels, p side of a patch.

import ModelFiles
import Tensor

/// How a square picture is cut into square patches.
package struct PictureGrid: Sendable, Equatable {
    /// Side of the picture, and of a patch, in pixels.
    package let imageSize: Int
    package let patchSize: Int

    package init(imageSize: Int, patchSize: Int) {
        self.imageSize = imageSize
        self.patchSize = patchSize
    }

    /// Patches along a side.
    package var side: Int { imageSize / patchSize }
    /// T: the class token, then the patches row by row.
    package var tokenCount: Int { 1 + side * side }
    /// Features of a patch: channels, rows, columns.
    package var patchFeatures: Int { 3 * patchSize * patchSize }
}

/// What stands before a vision transformer's blocks: patches, the class token before them, and what tells their places.
struct PatchEmbedding: Sendable {
    private let grid: PictureGrid
    /// v.patch_embd: [W, 3·p·p]; of a part of a larger model with a prefix, as the others.
    private let projection: Linear
    /// v.class_embd: [W]
    private let classToken: [Float]
    /// v.position_embd.weight: [T, W]
    private let positions: [Float]

    init(
        _ source: TensorSource, prefix: String = "", _ grid: PictureGrid, width: Int, hasBias: Bool
    ) throws(ModelError) {
        self.grid = grid
        let patch = grid.patchSize
        projection = try Linear(
            weight: try source.projection(
                "\(prefix)v.patch_embd.weight", rows: width, columns: grid.patchFeatures,
                shape: [patch, patch, 3, width]),
            bias: hasBias ? try source.vector("\(prefix)v.patch_embd.bias", count: width) : nil)
        classToken = try source.values("\(prefix)v.class_embd", shape: [width])
        positions = try source.values("\(prefix)v.position_embd.weight", shape: [width, grid.tokenCount])
    }

    /// workspace.hidden[T, W] of pixels[3, S, S], normalised.
    ///
    /// The convolution's stride is its kernel's side, so that it is a product over each patch.
    func apply(_ pixels: [Float], _ workspace: EncoderWorkspace, pool: ThreadPool) {
        let (side, patch, width) = (grid.imageSize, grid.patchSize, classToken.count)
        precondition(pixels.count == 3 * side * side, "pixels of another size than the encoder's")
        let (patches, hidden) = (workspace.patches.pointer, workspace.hidden.pointer)  // [P, 3, p, p], [T, W]
        var at = 0
        for row in 0..<grid.side {
            for column in 0..<grid.side {
                for channel in 0..<3 {
                    for line in 0..<patch {
                        let from = (channel * side + row * patch + line) * side + column * patch
                        for index in 0..<patch { patches[at + index] = pixels[from + index] }
                        at += patch
                    }
                }
            }
        }
        projection.apply(patches, count: grid.side * grid.side, into: hidden + width, pool: pool)
        for feature in 0..<width { hidden[feature] = classToken[feature] }
        positions.withUnsafeBufferPointer { positions in
            if let base = positions.baseAddress { Kernels.add(hidden, base, count: positions.count) }
        }
    }
}

// Letters as in `CLIPVisionTransformer.swift`; Q rows of a picture.

import ModelFiles
import Pixels
import Tensor

/// A CLIP encoder whose last hidden states stand for a picture: the class token, then averages over squares of patches.
package struct CLIPPictureEncoder: Sendable {
    package let transformer: CLIPVisionTransformer

    /// Patches along a side of the squares that are averaged.
    private static let square = 2

    /// Takes an encoder out of a file of its own.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        try self.init(try CLIPVisionTransformer(file: file, loading: loading), path: file.path)
    }

    /// Takes the weights `v.*` out of those of a larger model.
    init(_ source: TensorSource) throws(ModelError) {
        try self.init(try CLIPVisionTransformer(source), path: source.file.path)
    }

    private init(_ transformer: CLIPVisionTransformer, path: String) throws(ModelError) {
        self.transformer = transformer
        let grid = transformer.configuration.grid
        guard grid.side % Self.square == 0 else {
            throw .invalidParameter(
                path: path, key: "clip.vision.image_size", found: "\(grid.imageSize)",
                expected: "an even number of patches of \(grid.patchSize)")
        }
    }

    /// Q.
    package var slots: Int {
        let cells = transformer.configuration.grid.side / Self.square
        return 1 + cells * cells
    }

    /// Names what `features` depends on besides the picture and the weights.
    package var name: String { "\(transformer.preprocessing.name), class token and squares of \(Self.square)" }

    /// [Q, W], class token first, then the squares row by row, before any final norm; nil when cancelled. What is
    /// transparent is seen on white, as in training.
    package func features(
        of image: PixelImage, pool: ThreadPool, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> [Float]? {
        let configuration = transformer.configuration
        let pixels = try transformer.preprocessing.pixels(of: image.onWhite)
        let hidden = try transformer.hiddenStates(
            pixels: pixels, pool: pool, isCancelled: isCancelled, progress: progress)
        return hidden.map { hidden in
            hidden.values(0..<configuration.width)
                + PatchPooling.averages(
                    hidden, grid: configuration.grid.side, square: Self.square, width: configuration.width)
        }
    }
}

import ModelFiles
import Pixels
import Tensor

/// How a picture becomes what an encoder is given: squeezed to a square, or cut out of its middle, and each colour
/// brought to the scale of training.
package struct PicturePreprocessing: Sendable, Equatable {
    /// Of the square, in pixels.
    package let side: Int
    /// Means and standard deviations of red, green and blue.
    package let mean: [Float]
    package let deviation: [Float]
    /// The length to which the shorter side is brought before a square is cut out of the middle, at least `side`; nil
    /// where the whole picture is squeezed. Source: `CLIPImageProcessor`.
    package var shorterSide: Int?

    /// Of the pictures that CLIP's encoders were trained with.
    static let clipMean: [Float] = [0.48145466, 0.4578275, 0.40821073]
    static let clipDeviation: [Float] = [0.26862954, 0.26130258, 0.27577711]

    /// Names what `pixels` depends on besides the picture.
    package var name: String {
        let digits = (mean + deviation).map { String($0.bitPattern, radix: 16) }
        let cut = shorterSide.map { "out of \($0), " } ?? ""
        return "bicubic, columns first where more are lost, \(side), \(cut)" + digits.joined(separator: " ")
    }

    /// The picture as the encoder sees it: [3, side, side].
    package func pixels(of image: PixelImage) throws(ModelError) -> [Float] {
        guard let seen = seen(image) else { throw .outOfMemory(what: "a picture", bytes: side * side * 3) }
        return seen.normalized(mean: mean, deviation: deviation)
    }

    private func seen(_ image: PixelImage) -> PixelImage? {
        guard let shorterSide else { return image.resampledBicubic(width: side, height: side) }
        let (short, long) = (min(image.width, image.height), max(image.width, image.height))
        // Cut off, not rounded.
        let longerSide = shorterSide * long / short
        let isWide = image.width > image.height
        return image.resampledBicubic(
            width: isWide ? longerSide : shorterSide, height: isWide ? shorterSide : longerSide
        )?.middle(side: side)
    }
}

extension ParameterReader {
    /// `vision.image_size` and `vision.patch_size`.
    func pictureGrid() throws(ModelError) -> PictureGrid {
        let (imageSize, patchSize) = (try positive("vision.image_size"), try positive("vision.patch_size"))
        // Larger pictures would take more memory than any machine has.
        try require("vision.image_size", found: imageSize, "a multiple of \(patchSize) up to 4096") {
            imageSize % patchSize == 0 && imageSize <= 4096
        }
        return PictureGrid(imageSize: imageSize, patchSize: patchSize)
    }

    /// `vision.attention.head_count`, of an encoder of this width.
    func encoderHeads(width: Int) throws(ModelError) -> Int {
        let heads = try positive("vision.attention.head_count")
        try require("vision.attention.head_count", found: heads, "a divisor of \(width)") { width % heads == 0 }
        try require("vision.attention.head_count", found: heads, "heads of up to \(Kernels.maximumHeadSize) features") {
            width / heads <= Kernels.maximumHeadSize
        }
        return heads
    }

    /// `vision.image_mean` and `vision.image_std`; what CLIP's encoders were trained with where the file has none.
    func picturePreprocessing(_ grid: PictureGrid) throws(ModelError) -> PicturePreprocessing {
        PicturePreprocessing(
            side: grid.imageSize,
            mean: try colours("vision.image_mean", default: PicturePreprocessing.clipMean, least: -10),
            deviation: try colours("vision.image_std", default: PicturePreprocessing.clipDeviation, least: 1e-3))
    }

    /// A number from `least` to 10 for each of red, green and blue.
    private func colours(_ name: String, default absent: [Float], least: Float) throws(ModelError) -> [Float] {
        guard contains(name) else { return absent }
        let values: [Float]
        do { values = try file.floats("\(prefix).\(name)") } catch { throw .file(error) }
        try require(name, found: "\(values.prefix(4))", "three numbers from \(least) to 10") {
            values.count == 3 && values.allSatisfy { $0 >= least && $0 <= 10 }
        }
        return values
    }
}

import Pixels

/// The picture by which Emu2-Gen is told where a thing is to be: a white outline on black.
///
/// Source: `README.md` of Emu2-Gen; the outline is that of OpenCV's `rectangle` with a thickness of 3, pixel by pixel.
package enum LocationPicture {
    /// Width and height of the grid on which boxes are given.
    package static let side = 448

    /// A picture of a box by its edges on the grid, from 0 to `side`.
    package static func picture(left: Int, top: Int, right: Int, bottom: Int) -> PixelImage? {
        var bytes = [UInt8](repeating: 0, count: side * side * 3)
        for row in 0..<side {
            for column in 0..<side {
                // How far inside the outline's outer edges, which lie two pixels outside of the box's.
                let across = min(column - (left - reach), right + reach - column)
                let down = min(row - (top - reach), bottom + reach - row)
                guard across >= 0, down >= 0, min(across, down) <= 2 * reach, across + down >= reach else { continue }
                for channel in 0..<3 { bytes[(row * side + column) * 3 + channel] = 255 }
            }
        }
        return PixelImage(width: side, height: side, bytes: bytes)
    }

    /// Pixels of a line on either side of its middle; corners lose as many diagonals.
    private static let reach = 2
}

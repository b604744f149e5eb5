extension PixelImage {
    /// A square out of the middle, a half pixel nearer to the top left where it cannot be exact; nil when the picture is
    /// smaller.
    package func middle(side: Int) -> PixelImage? {
        guard side > 0, side <= width, side <= height else { return nil }
        let (left, top) = ((width - side) / 2, (height - side) / 2)
        var rows = [UInt8]()
        rows.reserveCapacity(side * side * 3)
        for row in top..<top + side {
            let start = (row * width + left) * 3
            rows += bytes[start..<start + side * 3]
        }
        return PixelImage(width: side, height: side, bytes: rows)
    }
}

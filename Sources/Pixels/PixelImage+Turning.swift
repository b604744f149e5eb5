extension PixelImage {
    /// The picture turned clockwise by quarter turns; any number, also negative.
    package func turnedClockwise(quarterTurns: Int) -> PixelImage {
        let turns = ((quarterTurns % 4) + 4) % 4
        if turns == 0 { return self }
        let (newWidth, newHeight) = turns == 2 ? (width, height) : (height, width)
        let turned = [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            bytes.withUnsafeBufferPointer { source in
                for row in 0..<height {
                    for column in 0..<width {
                        let (newColumn, newRow) =
                            switch turns {
                            case 1: (height - 1 - row, column)
                            case 2: (width - 1 - column, height - 1 - row)
                            default: (row, width - 1 - column)
                            }
                        let from = (row * width + column) * 3
                        let to = (newRow * newWidth + newColumn) * 3
                        target[to] = source[from]
                        target[to + 1] = source[from + 1]
                        target[to + 2] = source[from + 2]
                    }
                }
            }
            count = bytes.count
        }
        return PixelImage(width: newWidth, height: newHeight, bytes: turned) ?? self
    }
}

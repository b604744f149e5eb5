import Tensor

/// Averages over squares of patches, which make a picture's few embeddings of an encoder's many.
enum PatchPooling {
    /// [cells · cells, W] of hidden states [T, W], row by row, without the class token.
    ///
    /// `grid`: patches along a side of the picture; `square`: along a side of what is averaged, where patches that fill
    /// none are left out. Source: `encode_image` in `emu.py` of the Emu2 release.
    static func averages(_ hidden: FloatBuffer, grid: Int, square: Int, width: Int) -> [Float] {
        let cells = grid / square
        var result = [Float](repeating: 0, count: cells * cells * width)
        for row in 0..<cells * square {
            for column in 0..<cells * square {
                let from = hidden.pointer + (1 + row * grid + column) * width
                let to = (row / square * cells + column / square) * width
                for feature in 0..<width { result[to + feature] += from[feature] }
            }
        }
        let share = 1 / Float(square * square)
        for index in result.indices { result[index] *= share }
        return result
    }
}

import Digest
import Pixels
import Screen
import Synchronization

/// Remembers drawn previews; the least recently used go when the bound is reached. Safe on any thread.
package final class PreviewCache: Sendable {
    /// What a preview depends on; `digest` is the picture's.
    private struct Key: Hashable {
        let digest: SHA256Digest
        let maximum: Size
        let colors: PreviewColors
    }

    private struct State {
        var blocks: [Key: (block: CellBlock, used: UInt64)] = [:]
        var cells = 0
        var clock: UInt64 = 0
    }

    private let state = Mutex(State())
    private let maximumCells: Int

    /// - Parameter maximumCells: cells of all remembered previews together; one takes about 50 bytes.
    package init(maximumCells: Int = 200_000) {
        self.maximumCells = maximumCells
    }

    /// The remembered preview; nil when there is none.
    package func preview(of digest: SHA256Digest, within maximum: Size, colors: PreviewColors) -> CellBlock? {
        let key = Key(digest: digest, maximum: maximum, colors: colors)
        return state.withLock { state in
            state.clock += 1
            state.blocks[key]?.used = state.clock
            return state.blocks[key]?.block
        }
    }

    /// The preview of a picture, drawn when it is not remembered.
    ///
    /// - Parameter digest: `image.digest`, which is worth computing once.
    package func preview(
        of image: PixelImage, digest: SHA256Digest, within maximum: Size, colors: PreviewColors
    ) -> CellBlock {
        if let block = preview(of: digest, within: maximum, colors: colors) { return block }
        // Drawn outside the lock: at worst twice, with the same result.
        let block = PreviewRenderer.render(image, within: maximum, colors: colors)
        state.withLock { state in
            state.clock += 1
            let key = Key(digest: digest, maximum: maximum, colors: colors)
            if let old = state.blocks.updateValue((block, state.clock), forKey: key) {
                state.cells -= old.block.cells.count
            }
            state.cells += block.cells.count
            while state.cells > maximumCells, let oldest = state.blocks.min(by: { $0.value.used < $1.value.used }) {
                state.blocks[oldest.key] = nil
                state.cells -= oldest.value.block.cells.count
            }
        }
        return block
    }

    /// Cells held now.
    package var cellCount: Int { state.withLock { $0.cells } }
}

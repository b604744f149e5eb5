import Screen

/// What is known of a clip.
package struct ClipFacts: Hashable, Sendable {
    /// Seconds from the clip's start of each frame that was taken, in order.
    package var times: [Double]
    /// Frames and length of the whole clip.
    package var frameCount: Int
    package var seconds: Double

    package init(times: [Double], frameCount: Int, seconds: Double) {
        self.times = times
        self.frameCount = frameCount
        self.seconds = seconds
    }
}

/// How the frames of a clip stand beside each other, each with its time below.
package struct StripLayout: Hashable, Sendable {
    /// Cells of one frame, its time left out.
    package let frame: Size
    package let framesPerRow: Int
    /// Which frames are shown, by their place among those taken, from 0: all, or as many as there is room for, spread
    /// evenly.
    package let shown: [Int]
    /// Cells between neighbours.
    package static let gap = 1

    /// Cells of the whole strip.
    package var size: Size {
        let columns = min(shown.count, framesPerRow)
        return Size(
            columns: max(0, columns * (frame.columns + Self.gap) - Self.gap),
            rows: (shown.count + framesPerRow - 1) / framesPerRow * (frame.rows + 1))
    }

    /// Fits frames into at most so many columns and rows of frames.
    package init(_ facts: PictureFacts, columns: Int, frameRows: Int, stripRows: Int) {
        let width = Double(max(1, facts.width))
        let height = Double(max(1, facts.height))
        // A cell is twice as high as wide; below eight columns a time has no room.
        let wanted = Int((Double(frameRows) * 2 * width / height).rounded())
        let frameColumns = min(max(8, min(wanted, frameRows * 4)), max(1, columns))
        let rows = Int((Double(frameColumns) * height / width / 2).rounded())
        frame = Size(columns: frameColumns, rows: min(max(1, rows), max(1, frameRows)))
        framesPerRow = max(1, (columns + Self.gap) / (frameColumns + Self.gap))
        let count = facts.clip?.times.count ?? 0
        let room = framesPerRow * max(1, stripRows)
        shown = count <= room ? Array(0..<count) : (0..<room).map { (2 * $0 + 1) * count / (2 * room) }
    }

    /// The strip of the conversation.
    package init(_ facts: PictureFacts, on screen: Size) {
        let isCompact = ScreenGeometry.isCompact(screen)
        self.init(
            facts, columns: max(1, ScreenGeometry.textColumns(screen) - 3),
            frameRows: isCompact ? 3 : screen.rows >= 40 ? 7 : 4, stripRows: isCompact ? 1 : 2)
    }

    /// Where a frame stands, by its place among those shown.
    package func origin(_ index: Int) -> Position {
        Position(
            column: index % framesPerRow * (frame.columns + Self.gap), row: index / framesPerRow * (frame.rows + 1))
    }

    /// The strip of drawn frames with their times below; frames that are missing stay empty.
    package func block(_ frames: [CellBlock], times: [Double]) -> CellBlock {
        var strip = Frame(size: size)
        for (index, block) in frames.enumerated() where index < shown.count {
            let origin = origin(index)
            strip.blit(block, at: origin, clip: Rect(origin: origin, size: frame))
            guard times.indices.contains(shown[index]) else { continue }
            let label = FigureText.frameTime(times[shown[index]])
            strip.draw(
                label, at: Position(column: origin.column, row: origin.row + frame.rows),
                style: Style(attributes: .dim),
                clip: Rect(column: origin.column, row: origin.row + frame.rows, columns: frame.columns, rows: 1))
        }
        return CellBlock(size: size) { strip[$0.column, $0.row] }
    }
}

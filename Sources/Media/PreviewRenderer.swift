import CChafa
import Generation
import Pixels
import Screen
import Synchronization

/// The colours that a terminal shows.
package enum PreviewColors: String, Sendable, CaseIterable {
    case trueColor, palette256, palette16
    /// Shapes only, in the terminal's own colours (`NO_COLOR`).
    case none
}

/// Draws pictures as cells. A pure function of its inputs, callable on any thread.
package enum PreviewRenderer {
    /// How large a picture is drawn: as large as fits, its aspect ratio kept, at least one cell, never enlarged
    /// beyond one cell per pixel.
    ///
    /// - Parameter cellAspect: a cell's width divided by its height.
    package static func size(
        width: Int, height: Int, within maximum: Size, cellAspect: Double = 0.5
    ) -> Size {
        let columns = Double(max(1, min(maximum.columns, width, 1000)))
        let rows = Double(max(1, min(maximum.rows, height, 1000)))
        guard width > 0, height > 0, cellAspect.isFinite, cellAspect > 0 else { return Size(columns: 1, rows: 1) }
        // Columns per row that keep the picture's shape.
        let shape = Double(width) / Double(height) / cellAspect
        let usedColumns = min(columns, rows * shape)
        let usedRows = min(rows, columns / shape)
        return Size(columns: max(1, Int(usedColumns.rounded())), rows: max(1, Int(usedRows.rounded())))
    }

    /// Draws a picture into at most `maximum` cells, with boxes in the colours of their numbers.
    package static func render(
        _ image: PixelImage, within maximum: Size, colors: PreviewColors, cellAspect: Double = 0.5,
        boxes: [NumberedBox] = []
    ) -> CellBlock {
        let size = size(width: image.width, height: image.height, within: maximum, cellAspect: cellAspect)
        LibraryLogs.silence()
        var reduced = Self.reduced(image, columns: size.columns, rows: size.rows)
        for box in boxes {
            BoxOutline(box, width: reduced.width, height: reduced.height, cells: size).draw(onto: &reduced.bytes)
        }

        let symbols = chafa_symbol_map_new()
        let configuration = chafa_canvas_config_new()
        defer {
            chafa_symbol_map_unref(symbols)
            chafa_canvas_config_unref(configuration)
        }
        // All symbols would take thirty times as long.
        let tags = CHAFA_SYMBOL_TAG_BLOCK.rawValue | CHAFA_SYMBOL_TAG_BORDER.rawValue | CHAFA_SYMBOL_TAG_SPACE.rawValue
        chafa_symbol_map_add_by_tags(symbols, ChafaSymbolTags(rawValue: tags))
        chafa_canvas_config_set_symbol_map(configuration, symbols)
        chafa_canvas_config_set_geometry(configuration, Int32(size.columns), Int32(size.rows))
        chafa_canvas_config_set_canvas_mode(configuration, colors.canvasMode)
        if colors == .none || colors == .palette16 {
            chafa_canvas_config_set_dither_mode(configuration, CHAFA_DITHER_MODE_ORDERED)
        }
        let canvas = chafa_canvas_new(configuration)
        defer { chafa_canvas_unref(canvas) }
        chafa_canvas_draw_all_pixels(
            canvas, CHAFA_PIXEL_RGBA8_UNASSOCIATED, reduced.bytes, Int32(reduced.width), Int32(reduced.height),
            Int32(reduced.width * 4))

        let labels = colors == .none ? BoxLabels(boxes, on: size, hasColors: false) : BoxLabels(boxes, on: size)
        return CellBlock(size: size) { position in
            if let label = labels[position] { return label }
            let (column, row) = (Int32(position.column), Int32(position.row))
            let scalar = Unicode.Scalar(chafa_canvas_get_char_at(canvas, column, row)) ?? " "
            var foreground: Int32 = -1
            var background: Int32 = -1
            chafa_canvas_get_raw_colors_at(canvas, column, row, &foreground, &background)
            let text = scalar.value < 0x20 ? " " : String(Character(scalar))
            return Cell(
                text: text, style: Style(foreground: colors.color(foreground), background: colors.color(background)))
        }
    }

    /// RGBA rows of exactly `width * 4` bytes, averaged down by a whole factor to about what the symbols resolve.
    private static func reduced(
        _ image: PixelImage, columns: Int, rows: Int
    ) -> (width: Int, height: Int, bytes: [UInt8]) {
        // A symbol is matched on 8 by 8 samples; twice that leaves the rest of the scaling to chafa.
        let factor = max(1, min(image.width / (columns * 16), image.height / (rows * 16)))
        let (width, height) = (image.width / factor, image.height / factor)
        let area = UInt32(factor * factor)
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 4) { target, count in
            image.bytes.withUnsafeBufferPointer { source in
                for row in 0..<height {
                    for column in 0..<width {
                        var red: UInt32 = 0
                        var green: UInt32 = 0
                        var blue: UInt32 = 0
                        for y in row * factor..<(row + 1) * factor {
                            var offset = (y * image.width + column * factor) * 3
                            for _ in 0..<factor {
                                red += UInt32(source[offset])
                                green += UInt32(source[offset + 1])
                                blue += UInt32(source[offset + 2])
                                offset += 3
                            }
                        }
                        let to = (row * width + column) * 4
                        target[to] = UInt8(truncatingIfNeeded: (red + area / 2) / area)
                        target[to + 1] = UInt8(truncatingIfNeeded: (green + area / 2) / area)
                        target[to + 2] = UInt8(truncatingIfNeeded: (blue + area / 2) / area)
                        target[to + 3] = 255
                    }
                }
            }
            count = width * height * 4
        }
        return (width, height, bytes)
    }
}

extension PreviewColors {
    fileprivate var canvasMode: ChafaCanvasMode {
        switch self {
        case .trueColor: CHAFA_CANVAS_MODE_TRUECOLOR
        // The first 16 entries are the user's own and unknown.
        case .palette256: CHAFA_CANVAS_MODE_INDEXED_240
        case .palette16: CHAFA_CANVAS_MODE_INDEXED_16
        case .none: CHAFA_CANVAS_MODE_FGBG
        }
    }

    /// The colour that chafa names by a packed RGB value or a palette entry; negative means the terminal's own.
    fileprivate func color(_ raw: Int32) -> Color {
        guard raw >= 0 else { return .standard }
        switch self {
        case .trueColor:
            return .rgb(
                UInt8(truncatingIfNeeded: raw >> 16), UInt8(truncatingIfNeeded: raw >> 8),
                UInt8(truncatingIfNeeded: raw))
        case .palette256, .palette16:
            return raw < 256 ? .palette(UInt8(raw)) : .standard
        case .none:
            return .standard
        }
    }
}

import Generation
import Media
import Pixels
import Screen
import Testing

private func picture(_ width: Int, _ height: Int, _ colour: (Int, Int) -> [UInt8]) throws -> PixelImage {
    var bytes = [UInt8]()
    for row in 0..<height { for column in 0..<width { bytes += colour(column, row) } }
    return try #require(PixelImage(width: width, height: height, bytes: bytes))
}

struct PreviewTests {
    @Test func boxesAreOutlinedInTheirColoursWithTheirNumbers() throws {
        let image = try picture(320, 320) { _, _ in [90, 90, 90] }
        let size = Size(columns: 40, rows: 20)
        let boxes = [
            NumberedBox(number: 1, box: PictureBox(left: 0.25, top: 0.25, right: 0.75, bottom: 0.75)),
            NumberedBox(number: 12, box: PictureBox(left: 0, top: 0, right: 1, bottom: 1)),
        ]
        let block = PreviewRenderer.render(image, within: size, colors: .trueColor, boxes: boxes)
        func cell(_ column: Int, _ row: Int) -> Cell { block.cells[row * size.columns + column] }
        func has(_ cell: Cell, _ number: Int) -> Bool {
            let color = NumberedBox.color(number)
            // What stands in the foreground of an empty cell is not seen.
            let seen = cell.text == " " ? [cell.style.background] : [cell.style.foreground, cell.style.background]
            return seen.contains { seen in
                guard case .rgb(let red, let green, let blue) = seen else { return false }
                return isNear(
                    [Int(red), Int(green), Int(blue)], [Int(color.red), Int(color.green), Int(color.blue)], 40)
            }
        }
        #expect(cell(10, 5).text == "1" && cell(0, 0).text == "1" && cell(1, 0).text == "2")
        // Each edge of the first box in its middle, and of the second one; nothing between them.
        for (column, row) in [(20, 5), (20, 14), (10, 10), (29, 10)] { #expect(has(cell(column, row), 1)) }
        for (column, row) in [(20, 0), (20, 19), (0, 10), (39, 10)] { #expect(has(cell(column, row), 12)) }
        for (column, row) in [(20, 10), (5, 10), (20, 2)] {
            #expect(!has(cell(column, row), 1) && !has(cell(column, row), 12))
        }
        let plain = PreviewRenderer.render(image, within: size, colors: .none, boxes: boxes)
        #expect(plain.cells[5 * size.columns + 10] == Cell(text: "1", style: Style(attributes: .reverse)))
    }

    @Test func boxesOfAnySizeFitIntoAnyPreview() throws {
        for (width, height) in [(1, 1), (3, 200), (500, 2)] {
            let image = try picture(width, height) { _, _ in [9, 9, 9] }
            for edges in [(0.0, 0.0, 1.0, 1.0), (0.999, 0.999, 1, 1), (0, 0, 0.001, 0.001)] {
                let box = PictureBox(left: edges.0, top: edges.1, right: edges.2, bottom: edges.3)
                let boxes = (1...30).map { NumberedBox(number: $0, box: box) }
                let block = PreviewRenderer.render(
                    image, within: Size(columns: 12, rows: 4), colors: .palette256, boxes: boxes)
                #expect(block.cells.contains { $0.text == "1" })
            }
        }
    }

    @Test func shapeIsKeptInCellsOfOneToTwo() {
        let within = Size(columns: 60, rows: 16)
        #expect(PreviewRenderer.size(width: 1000, height: 1000, within: within) == Size(columns: 32, rows: 16))
        #expect(PreviewRenderer.size(width: 4000, height: 1000, within: within) == Size(columns: 60, rows: 8))
        #expect(PreviewRenderer.size(width: 100, height: 5000, within: within) == Size(columns: 1, rows: 16))
        #expect(
            PreviewRenderer.size(width: 1000, height: 1000, within: within, cellAspect: 1)
                == Size(columns: 16, rows: 16))
        #expect(PreviewRenderer.size(width: 1, height: 1, within: within) == Size(columns: 1, rows: 1))
        #expect(
            PreviewRenderer.size(width: 5, height: 5, within: Size(columns: -3, rows: 0)) == Size(columns: 1, rows: 1))
        #expect(
            PreviewRenderer.size(width: 5, height: 5, within: within, cellAspect: .nan) == Size(columns: 1, rows: 1))
    }

    @Test(arguments: PreviewColors.allCases)
    func halvesAreWhereTheyBelong(_ colors: PreviewColors) throws {
        let image = try picture(160, 160) { column, _ in column < 80 ? [0, 0, 0] : [255, 255, 255] }
        let block = PreviewRenderer.render(image, within: Size(columns: 20, rows: 10), colors: colors)
        #expect(block.size == Size(columns: 20, rows: 10))
        let left = block.cells[5 * 20 + 3]
        let right = block.cells[5 * 20 + 16]
        #expect(left != right)
        for cell in block.cells {
            #expect(cell.text.count == 1 && cell.text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
            for color in [cell.style.foreground, cell.style.background] {
                switch (colors, color) {
                case (.trueColor, .rgb), (.none, .standard), (_, .standard): break
                case (.palette256, .palette(let entry)): #expect(entry >= 16)
                case (.palette16, .palette(let entry)): #expect(entry < 16)
                default: #expect(Bool(false), "\(color)")
                }
            }
        }
    }

    @Test func coloursAreThePicturesOwn() throws {
        let image = try picture(64, 64) { _, row in row < 32 ? [200, 40, 10] : [10, 60, 220] }
        let block = PreviewRenderer.render(image, within: Size(columns: 8, rows: 4), colors: .trueColor)
        func shown(_ cell: Cell) -> Color { cell.text == " " ? cell.style.background : cell.style.foreground }
        // Solid cells: whichever of the two colours is seen is the picture's.
        let top = block.cells[1 * 8 + 4]
        let bottom = block.cells[2 * 8 + 4]
        for (cell, colour) in [(top, [200, 40, 10]), (bottom, [10, 60, 220])] {
            let seen = [cell.style.background, cell.style.foreground].compactMap { color in
                if case .rgb(let red, let green, let blue) = color { [Int(red), Int(green), Int(blue)] } else { nil }
            }
            #expect(seen.contains { isNear($0, colour, 3) }, "\(cell)")
        }
        #expect(shown(top) != shown(bottom))
    }

    @Test(arguments: [(1, 1), (1, 300), (300, 1), (7, 5), (2000, 1500)])
    func anySizeIsDrawn(_ width: Int, _ height: Int) throws {
        let image = try #require(
            PixelImage(width: width, height: height, bytes: [UInt8](repeating: 9, count: width * height * 3)))
        let block = PreviewRenderer.render(image, within: Size(columns: 60, rows: 16), colors: .trueColor)
        #expect(block.size.columns >= 1 && block.size.columns <= 60 && block.size.rows >= 1 && block.size.rows <= 16)
        #expect(block.cells.count == block.size.columns * block.size.rows)
    }

    @Test func theCacheKeepsTheLatestWithinItsBound() throws {
        let cache = PreviewCache(maximumCells: 250)
        let size = Size(columns: 20, rows: 10)
        let images = try (0..<3).map { shade in try picture(40, 20 * 2) { _, _ in [UInt8(shade * 100), 0, 0] } }
        let digests = images.map(\.digest)
        for index in 0..<2 {
            let block = cache.preview(of: images[index], digest: digests[index], within: size, colors: .trueColor)
            #expect(block == PreviewRenderer.render(images[index], within: size, colors: .trueColor))
        }
        #expect(cache.cellCount <= 250)
        #expect(cache.preview(of: digests[0], within: size, colors: .trueColor) == nil)
        #expect(cache.preview(of: digests[1], within: size, colors: .trueColor) != nil)
        #expect(cache.preview(of: digests[1], within: size, colors: .none) == nil)
    }
}

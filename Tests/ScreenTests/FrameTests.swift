import Screen
import Testing

@Suite struct FrameTests {
    private func frame(_ columns: Int = 8, _ rows: Int = 2) -> Frame { Frame(size: Size(columns: columns, rows: rows)) }

    @Test func drawsWideGraphemesInTwoCells() {
        var frame = frame()
        let end = frame.draw("a日b", at: Position(column: 1, row: 0))
        #expect(end == 5)
        #expect((0..<8).map { frame[$0, 0].text } == [" ", "a", "日", "", "b", " ", " ", " "])
    }

    @Test func leavesNoHalfBehind() {
        var frame = frame()
        frame.draw("日本", at: Position(column: 0, row: 0))
        frame.draw("x", at: Position(column: 1, row: 0))
        #expect((0..<4).map { frame[$0, 0].text } == [" ", "x", "本", ""])
        frame.draw("y", at: Position(column: 2, row: 0))
        #expect((0..<4).map { frame[$0, 0].text } == [" ", "x", "y", " "])
    }

    @Test func clipsAtEveryEdge() {
        var frame = frame()
        let clip = Rect(column: 2, row: 0, columns: 3, rows: 1)
        frame.draw("日本語x", at: Position(column: 1, row: 0), clip: clip)
        #expect((0..<8).map { frame[$0, 0].text } == [" ", " ", " ", "本", "", " ", " ", " "])
        frame.draw("gone", at: Position(column: 0, row: 1), clip: clip)
        frame.draw("gone", at: Position(column: 0, row: 9))
        frame.draw("gone", at: Position(column: 0, row: -1))
        #expect(frame.rowText(1).isEmpty)
    }

    @Test func aWideGraphemeDoesNotHangOverTheEdge() {
        var frame = frame(3, 1)
        frame.draw("a日", at: Position(column: 1, row: 0))
        #expect(frame.rowText(0) == " a")
        #expect(frame[2, 0].text == " ")
    }

    @Test func fillsAndBlitsInside() throws {
        var frame = frame(4, 3)
        frame.fill(Rect(column: -1, row: 1, columns: 3, rows: 9), with: "#")
        let cells = (0..<6).map { Cell(text: String($0)) }
        let block = try #require(CellBlock(size: Size(columns: 3, rows: 2), cells: cells))
        frame.blit(block, at: Position(column: 2, row: -1))
        #expect(frame.plainText == "  34\n##\n##\n")
    }

    @Test func dumpsStyles() {
        var frame = frame(4, 1)
        frame.draw(
            "ab", at: Position(column: 1, row: 0), style: Style(foreground: .rgb(1, 2, 3), attributes: [.bold, .dim]))
        #expect(frame.styleRuns == "0:1-2 1,2,3/- bold dim\n")
    }
}

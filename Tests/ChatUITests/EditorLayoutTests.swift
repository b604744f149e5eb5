import Screen
import TestSupport
import Testing

@testable import ChatUI

@Suite struct EditorLayoutTests {
    private static let texts = [
        "a", " ", "\n", "日本", "👍", "word ", "a long sentence of words\n", "xxxxxxxxxxxxxxxxxxxx",
    ]

    private func elements(_ text: String) -> [Editor.Element] { text.map { .character($0) } }

    /// The rows as ranges, from what is remembered and laid out afresh.
    private func rows(_ editor: Editor, columns: Int) -> (kept: [Range<Int>], fresh: [Range<Int>]) {
        func ranges(_ editor: Editor) -> [Range<Int>] {
            let layout = EditorLayout(editor, columns: columns)
            return (0..<layout.rowCount).map(layout.range(ofRow:))
        }
        return (ranges(editor), ranges(Editor(editor.elements)))
    }

    @Test func rowsEndAtSpacesAndNewlines() {
        let editor = Editor(elements("one two three\n\nfour fiveandmoreofit\n"))
        let text = { (range: Range<Int>) in editor.elements[range].map(\.text).joined() }
        #expect(
            rows(editor, columns: 11).kept.map(text) == ["one two ", "three", "", "four ", "fiveandmor", "eofit", ""])
    }

    @Test func aKeyLaysOutOnlyTheRowsAroundIt() {
        var chat = ScriptedChat()
        let line = "The quick brown fox jumps over the lazy dog, again and again and again and again and again.\n"
        chat.act(.inputArrived(.paste(String(repeating: line, count: 1000))))
        _ = chat.frame
        func count() -> Int { chat.state.editor.revision.laidOutRowCount }
        var before = count()
        #expect(before == 2001)
        for key: Key in [
            Key(.character("x")), Key(.backspace), .alt("b"), .up, Key(.character("y")), Key(.enter, .alt),
            .control("_"), .control("k"), .control("y"), .control("a"),
        ] {
            chat.press(key)
            _ = chat.frame
            #expect(count() - before <= 6, "\(key)")
            before = count()
        }
        // A paste lays out its own lines.
        chat.act(.inputArrived(.paste(String(repeating: line, count: 10))))
        _ = chat.frame
        #expect(count() - before <= 24)
    }

    @Test func rememberedRowsAreThoseOfTheText() {
        var generator = SeededGenerator(seed: 11)
        var editor = Editor()
        var copies: [Editor] = []
        for step in 0..<3000 {
            let count = editor.elements.count
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<4: editor.insert(Self.texts.randomElement(using: &generator) ?? "a")
            case 4:
                let start = Int.random(in: 0...count, using: &generator)
                editor.delete(start..<Int.random(in: start...min(count, start + 30), using: &generator))
            case 5: editor.undo()
            case 6: editor.redo()
            case 7:
                let start = Int.random(in: 0...count, using: &generator)
                editor.exchange(start..<min(count, start + 2), for: [.picture(step), .character(" ")])
            case 8: copies.append(editor)
            default: if let copy = copies.popLast() { editor = copy }
            }
            editor.move(to: Int.random(in: 0...editor.elements.count, using: &generator))
            // Sometimes several changes come together.
            guard Bool.random(using: &generator) else { continue }
            let (kept, fresh) = rows(editor, columns: step % 400 < 300 ? 21 : 8)
            #expect(kept == fresh, "step \(step)")
            if kept != fresh { return }
            #expect(editor.placedPictures == editor.elements.compactMap(\.pictureNumber))
        }
    }

    /// Undoing as whole texts would do it.
    @Test func everyStepIsTakenBackAndDoneAgain() {
        struct Text: Equatable {
            var elements: [Editor.Element]
            var cursor: Int

            mutating func forget(_ number: Int) {
                cursor -= elements[..<cursor].count { $0.pictureNumber == number }
                elements.removeAll { $0.pictureNumber == number }
            }
        }
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            var editor = Editor()
            var texts = [Text(elements: [], cursor: 0)]
            for number in 1...Int.random(in: 1...12, using: &generator) {
                let count = editor.elements.count
                let start = Int.random(in: 0...count, using: &generator)
                let end = Int.random(in: start...count, using: &generator)
                // Where the cursor is when a step begins is where undoing it leads.
                texts[texts.count - 1].cursor = editor.cursor
                editor.replace(start..<end, with: [.character("a"), .picture(number % 4), .character("b")])
                texts.append(Text(elements: editor.elements, cursor: editor.cursor))
            }
            if Bool.random(using: &generator) {
                let number = Int.random(in: 0..<4, using: &generator)
                editor.forget(picture: number)
                for index in texts.indices { texts[index].forget(number) }
            }
            #expect(Text(elements: editor.elements, cursor: editor.cursor) == texts.last)
            for text in texts.dropLast().reversed() {
                let isUndone = editor.undo()
                #expect(isUndone)
                #expect(Text(elements: editor.elements, cursor: editor.cursor) == text)
            }
            let isUndoneOnceMore = editor.undo()
            #expect(!isUndoneOnceMore)
            if Bool.random(using: &generator) {
                let number = Int.random(in: 0..<4, using: &generator)
                editor.forget(picture: number)
                for index in texts.indices { texts[index].forget(number) }
            }
            for text in texts.dropFirst() {
                let isRedone = editor.redo()
                #expect(isRedone)
                #expect(editor.elements == text.elements)
            }
            let isRedoneOnceMore = editor.redo()
            #expect(!isRedoneOnceMore)
        }
    }
}

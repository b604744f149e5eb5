import Screen

extension Editor {
    /// Does what a key asks of the text; false when the key means nothing here.
    ///
    /// - Parameter columns: the width of the editor's rows, for moving up and down.
    package mutating func handle(_ key: Key, columns: Int) -> Bool {
        switch (key.code, key.modifiers) {
        case (.character(let character), []), (.character(let character), .shift):
            insert(String(character))
        case (.character(let character), .control):
            return handleControl(character)
        case (.character(let character), .alt):
            return handleAlt(character)
        case (.enter, .alt), (.enter, .shift), (.enter, .control):
            insert("\n")
        case (.backspace, .alt), (.backspace, .control):
            kill(previousWord..<cursor)
        case (.backspace, _):
            if cursor > 0 { delete(cursor - 1..<cursor) }
        case (.delete, _):
            if cursor < elements.count { delete(cursor..<cursor + 1) }
        case (.left, .control), (.left, .alt):
            move(to: previousWord)
        case (.right, .control), (.right, .alt):
            move(to: nextWord)
        case (.left, _):
            move(to: cursor - 1)
        case (.right, _):
            move(to: cursor + 1)
        case (.home, .control):
            move(to: 0)
        case (.end, .control):
            move(to: elements.count)
        case (.home, _):
            move(to: lineRange(at: cursor).lowerBound)
        case (.end, _):
            move(to: lineRange(at: cursor).upperBound)
        case (.up, _):
            return moveRow(by: -1, columns: columns)
        case (.down, _):
            return moveRow(by: 1, columns: columns)
        default:
            return false
        }
        return true
    }

    private mutating func handleControl(_ character: Character) -> Bool {
        let line = lineRange(at: cursor)
        switch character {
        case "a": move(to: line.lowerBound)
        case "e": move(to: line.upperBound)
        case "b": move(to: cursor - 1)
        case "f": move(to: cursor + 1)
        case "h": if cursor > 0 { delete(cursor - 1..<cursor) }
        case "d": if cursor < elements.count { delete(cursor..<cursor + 1) }
        case "j": insert("\n")
        case "k":
            // At the end of a line its newline goes.
            kill(cursor..<(cursor == line.upperBound ? min(cursor + 1, elements.count) : line.upperBound))
        case "u": kill(line.lowerBound..<cursor)
        case "w": kill(previousSpace..<cursor)
        case "y": yank()
        case "t": transpose()
        case "_": undo()
        default: return false
        }
        return true
    }

    private mutating func handleAlt(_ character: Character) -> Bool {
        switch character {
        case "b": move(to: previousWord)
        case "f": move(to: nextWord)
        case "d": kill(cursor..<nextWord)
        case "y": yankPop()
        case "_": redo()
        case "u": changeWord { $0.uppercased() }
        case "l": changeWord { $0.lowercased() }
        case "c": changeWord(Self.capitalised)
        default: return false
        }
        return true
    }

    /// The first letter large, the others small.
    private static func capitalised(_ text: String) -> String {
        guard let first = text.firstIndex(where: \.isLetter) else { return text }
        return text[..<first] + text[first].uppercased() + text[text.index(after: first)...].lowercased()
    }

    /// False at the first or last row.
    private mutating func moveRow(by offset: Int, columns: Int) -> Bool {
        let layout = EditorLayout(self, columns: columns)
        let row = layout.cursorRow + offset
        guard (0..<layout.rowCount).contains(row) else { return false }
        move(to: layout.index(row: row, column: layout.cursorColumn))
        return true
    }
}

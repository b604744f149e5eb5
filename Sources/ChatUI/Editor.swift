import Screen

/// The text being written: characters and pictures, with a cursor, undo and a kill ring.
package struct Editor: Equatable, Sendable {
    package enum Element: Hashable, Sendable {
        case character(Character)
        /// A placeholder such as `[Image #1]`: one unit for the cursor and for deleting.
        case picture(Int)
        case clip(Int)

        package var isNewline: Bool { self == .character("\n") }

        package var isWord: Bool {
            if case .character(let character) = self {
                character.isLetter || character.isNumber || character == "_"
            } else {
                true
            }
        }

        package var text: String {
            switch self {
            case .character(let character): String(character)
            case .picture(let number): Picture.placeholder(number)
            case .clip(let number): Picture.placeholder(number, isClip: true)
            }
        }

        /// The number of the picture or clip that it stands for.
        package var pictureNumber: Int? {
            switch self {
            case .character: nil
            case .picture(let number), .clip(let number): number
            }
        }
    }

    /// Why the text changed; several insertions or deletions in a row are undone together.
    private enum Change: Equatable, Sendable {
        case typing, deleting, other
    }

    package private(set) var elements: [Element] = []
    /// From 0 to the number of elements.
    package private(set) var cursor = 0
    /// Indices of the elements that stand for pictures and clips, ascending.
    private var placeholders: [Int] = []
    private var killRing = KillRing()
    /// What the last key has put back from the kill ring.
    private var yanked: Range<Int>?
    private var changes = EditorChanges()
    private var lastChange = Change.other
    private var isKilling = false
    private(set) var revision = EditorRevision()

    package init(_ elements: [Element] = []) {
        self.elements = elements
        cursor = elements.count
        placeholders = elements.indices.filter { elements[$0].pictureNumber != nil }
    }

    package var isEmpty: Bool { elements.isEmpty }
    package var text: String { elements.map(\.text).joined() }
    /// The number of each picture and clip, in the order and as often as they stand in the text.
    package var placedPictures: [Int] { placeholders.compactMap { elements[$0].pictureNumber } }
    package var pictureNumbers: Set<Int> { Set(placedPictures) }

    /// The same text, wherever the cursor is.
    package func hasSameText(as other: Editor) -> Bool { elements == other.elements }

    /// The elements around an index: the range of its line, newline left out.
    package func lineRange(at index: Int) -> Range<Int> {
        let start = elements[..<index].lastIndex(where: \.isNewline).map { $0 + 1 } ?? 0
        let end = elements[index...].firstIndex(where: \.isNewline) ?? elements.count
        return start..<end
    }

    package var isOnFirstLine: Bool { !elements[..<cursor].contains(where: \.isNewline) }
    package var isOnLastLine: Bool { !elements[cursor...].contains(where: \.isNewline) }

    // MARK: Changing

    /// Inserts text at the cursor, made safe to keep and to show.
    package mutating func insert(_ text: String) {
        let text = SanitizedText.clean(text)
        guard !text.isEmpty else { return }
        let isTyping = text.count == 1
        remember(isTyping ? .typing : .other)
        // A combining mark joins the character before it.
        if cursor > 0, case .character(let before) = elements[cursor - 1], let scalar = text.unicodeScalars.first,
            scalar.value >= 0x300
        {
            put((String(before) + text).map { .character($0) }, in: cursor - 1..<cursor)
        } else {
            put(text.map { .character($0) }, in: cursor..<cursor)
        }
        if isTyping, text.first?.isWhitespace == true { lastChange = .other }
    }

    /// Replaces a range of elements; the cursor ends after the new ones.
    package mutating func replace(_ range: Range<Int>, with new: [Element]) {
        remember(.other)
        put(new, in: range)
    }

    /// Deletes a range of elements.
    package mutating func delete(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        remember(range.count == 1 ? .deleting : .other)
        put([], in: range)
    }

    /// Deletes a range for `yank`; kills in a row are collected.
    package mutating func kill(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let piece = Array(elements[range])
        let wasKilling = isKilling
        let isBackward = range.upperBound == cursor
        remember(.other)
        killRing.add(piece, joining: wasKilling, before: isBackward)
        put([], in: range)
        isKilling = true
    }

    package mutating func yank() {
        killRing.reset()
        guard let piece = killRing.current else { return }
        remember(.other)
        put(piece, in: cursor..<cursor)
        yanked = cursor - piece.count..<cursor
    }

    /// Puts the piece that was cut before in the place of the one that was just put back.
    package mutating func yankPop() {
        guard let range = yanked else { return }
        killRing.rotate()
        guard let piece = killRing.current else { return }
        replace(range, with: piece)
        yanked = cursor - piece.count..<cursor
    }

    /// Exchanges the characters around the cursor and moves on; at a line's end, the two before it.
    package mutating func transpose() {
        let line = lineRange(at: cursor)
        let second = cursor == line.upperBound ? cursor - 1 : cursor
        guard second > line.lowerBound else { return }
        replace(second - 1..<second + 1, with: [elements[second], elements[second - 1]])
    }

    /// Changes the letters from the cursor to the end of the word.
    package mutating func changeWord(_ change: (String) -> String) {
        let end = nextWord
        guard end > cursor else { return }
        var changed: [Element] = []
        var run = ""
        for element in elements[cursor..<end] {
            if case .character(let character) = element {
                run.append(character)
            } else {
                changed += change(run).map { .character($0) } + [element]
                run = ""
            }
        }
        replace(cursor..<end, with: changed + change(run).map { .character($0) })
    }

    /// Takes the last change back; false when there is none.
    @discardableResult
    package mutating func undo() -> Bool {
        restore(from: \.done, to: \.undone)
    }

    /// Does again what was taken back last; false when something was changed since.
    @discardableResult
    package mutating func redo() -> Bool {
        restore(from: \.undone, to: \.done)
    }

    private mutating func restore(
        from source: WritableKeyPath<EditorChanges, [EditorChanges.Step]>,
        to target: WritableKeyPath<EditorChanges, [EditorChanges.Step]>
    ) -> Bool {
        isKilling = false
        yanked = nil
        lastChange = .other
        guard let step = changes[keyPath: source].popLast() else { return false }
        var inverse = EditorChanges.Step(cursor: cursor)
        for exchange in step.exchanges.reversed() {
            inverse.exchanges.append(splice(exchange.range, with: exchange.removed))
        }
        changes[keyPath: target].append(inverse)
        cursor = step.cursor
        return true
    }

    /// Starts afresh; what was there can be brought back by `undo`.
    package mutating func clear() {
        replace(0..<elements.count, with: [])
    }

    /// Puts other text in place of all; the cursor ends after it.
    package mutating func setElements(_ new: [Element]) {
        replace(0..<elements.count, with: new)
    }

    /// Removes a picture wherever it stands, also from what undo would bring back.
    package mutating func forget(picture number: Int) {
        let places = placeholders.filter { elements[$0].pictureNumber == number }
        changes.forget(picture: number, standingAt: places)
        for place in places.reversed() {
            _ = splice(place..<place + 1, with: [])
            if place < cursor { cursor -= 1 }
        }
        yanked = nil
        killRing.forget(picture: number)
    }

    /// Puts other elements in the place of some, wherever they stand; the cursor stays at what it stood before.
    package mutating func exchange(_ range: Range<Int>, for new: [Element]) {
        let place = cursor
        replace(range, with: new)
        if place <= range.lowerBound {
            cursor = place
        } else if place >= range.upperBound {
            cursor = place + new.count - range.count
        }
    }

    /// Where elements stand one after another; nil when they do nowhere.
    package func range(of wanted: [Element]) -> Range<Int>? {
        guard !wanted.isEmpty, wanted.count <= elements.count else { return nil }
        return (0...elements.count - wanted.count)
            .first { elements[$0..<$0 + wanted.count].elementsEqual(wanted) }
            .map { $0..<$0 + wanted.count }
    }

    /// Moves the cursor.
    package mutating func move(to index: Int) {
        cursor = min(max(0, index), elements.count)
        lastChange = .other
        isKilling = false
        yanked = nil
    }

    private mutating func remember(_ change: Change) {
        isKilling = false
        yanked = nil
        if change == .other || change != lastChange { changes.beginStep(cursor: cursor) }
        lastChange = change
    }

    /// Exchanges elements in the step that `remember` has begun; the cursor ends after the new ones.
    private mutating func put(_ new: [Element], in range: Range<Int>) {
        changes.note(splice(range, with: new))
        cursor = range.lowerBound + new.count
    }

    /// The one place where text changes; returns what takes it back.
    private mutating func splice(_ range: Range<Int>, with new: [Element]) -> EditorChanges.Exchange {
        let removed = Array(elements[range])
        elements.replaceSubrange(range, with: new)
        let moved = new.count - range.count
        let before = placeholders.prefix { $0 < range.lowerBound }
        let added = new.indices.filter { new[$0].pictureNumber != nil }.map { range.lowerBound + $0 }
        let behind = placeholders.drop { $0 < range.upperBound }.map { $0 + moved }
        placeholders = before + added + behind
        revision.advance(replacing: range, count: new.count)
        return EditorChanges.Exchange(start: range.lowerBound, removed: removed, insertedCount: new.count)
    }
}

extension Editor {
    /// Where Alt-B leads.
    package var previousWord: Int {
        var index = cursor
        while index > 0 && !elements[index - 1].isWord { index -= 1 }
        while index > 0 && elements[index - 1].isWord { index -= 1 }
        return index
    }

    /// Where Alt-F leads.
    package var nextWord: Int {
        var index = cursor
        while index < elements.count && !elements[index].isWord { index += 1 }
        while index < elements.count && elements[index].isWord { index += 1 }
        return index
    }

    /// The beginning of the run of non-spaces before the cursor, as Ctrl-W takes it.
    package var previousSpace: Int {
        var index = cursor
        while index > 0 && elements[index - 1].isSpace { index -= 1 }
        while index > 0 && !elements[index - 1].isSpace { index -= 1 }
        return index
    }

    /// The text as parts of a message, without white space at its ends; nil when nothing is left.
    package var messageParts: [ConversationItem.Part]? {
        var kept = elements[...]
        while kept.first?.isSpace == true { kept.removeFirst() }
        while kept.last?.isSpace == true { kept.removeLast() }
        guard !kept.isEmpty else { return nil }
        var parts: [ConversationItem.Part] = []
        var text = ""
        for element in kept {
            switch element {
            case .character(let character):
                text.append(character)
            case .picture(let number):
                if !text.isEmpty { parts.append(.text(text)) }
                text = ""
                parts.append(.picture(number))
            case .clip(let number):
                if !text.isEmpty { parts.append(.text(text)) }
                text = ""
                parts.append(.clip(number))
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        return parts
    }
}

extension Editor.Element {
    fileprivate var isSpace: Bool {
        if case .character(let character) = self { character.isWhitespace } else { false }
    }
}

extension Editor {
    /// An empty editor with the same kill ring: a sent message is brought back by the history, not by undo.
    package var emptied: Editor {
        var editor = Editor()
        editor.killRing = killRing
        return editor
    }
}

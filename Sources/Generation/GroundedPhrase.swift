/// A rectangle of a picture, as shares of its width and height from the upper left corner.
package struct PictureBox: Sendable, Equatable {
    package let left: Double
    package let top: Double
    package let right: Double
    package let bottom: Double

    package init(left: Double, top: Double, right: Double, bottom: Double) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }
}

/// A phrase of an answer, and where in the picture what it names is.
///
/// Emu2 writes `<phrase> the dog </phrase> <object> <patch_index_0010> … </object>` with four numbers a box on a grid of
/// 224 by 224: left, top, right, bottom. Source: section 4.5 of its paper and the names of its tokens; models leave marks
/// out, so that everything that can be read is taken.
package struct GroundedPhrase: Sendable, Equatable {
    /// Empty where a box stands without one.
    package let phrase: String
    package let boxes: [PictureBox]

    package init(phrase: String, boxes: [PictureBox]) {
        self.phrase = phrase
        self.boxes = boxes
    }

    /// Cells along a side of the grid.
    private static let grid = 224

    /// The phrases with boxes in an answer whose tokens are spelt out, in order.
    package static func all(in answer: String) -> [GroundedPhrase] {
        var result: [GroundedPhrase] = []
        var phrase = ""
        var words = ""
        var numbers: [Int] = []
        // Boxes are told when whatever follows them begins.
        func finish() {
            let boxes = Self.boxes(numbers)
            if !boxes.isEmpty { result.append(GroundedPhrase(phrase: phrase, boxes: boxes)) }
            numbers = []
            if !boxes.isEmpty { phrase = "" }
        }
        for piece in Piece.all(in: answer) {
            switch piece {
            case .number(let number):
                numbers.append(number)
            case .mark("<phrase>"):
                finish()
                words = ""
            case .mark("</phrase>"):
                finish()
                phrase = words.trimmingSpaces
                words = ""
            case .mark:
                break
            case .text(let text):
                if !numbers.isEmpty, !text.trimmingSpaces.isEmpty { finish() }
                words += text
            }
        }
        finish()
        return result
    }

    /// An answer without the tokens that say where things are, and without the spaces around them.
    package static func plainText(of answer: String) -> String {
        Piece.all(in: answer).reduce(into: "") { text, piece in
            guard case .text(let words) = piece else { return }
            let trimmed = words.trimmingSpaces
            guard !trimmed.isEmpty else { return }
            if let last = text.last, !last.isWhitespace, let first = trimmed.first, !first.isPunctuation { text += " " }
            text += trimmed
        }
    }

    /// Every four numbers a box with an area; what is left over, or lies outside the grid, is none.
    private static func boxes(_ numbers: [Int]) -> [PictureBox] {
        stride(from: 0, through: numbers.count - 4, by: 4).compactMap { start in
            let edges = numbers[start..<start + 4].map { Double(min($0, grid)) / Double(grid) }
            let box = PictureBox(
                left: min(edges[0], edges[2]), top: min(edges[1], edges[3]), right: max(edges[0], edges[2]),
                bottom: max(edges[1], edges[3]))
            return box.right > box.left && box.bottom > box.top ? box : nil
        }
    }

    private enum Piece {
        case text(String)
        case number(Int)
        case mark(String)

        private static let marks = [
            "<phrase>", "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "<grounding>",
        ]

        static func all(in answer: String) -> [Piece] {
            var pieces: [Piece] = []
            var rest = answer[...]
            var words = ""
            func finishWords() {
                if !words.isEmpty { pieces.append(.text(words)) }
                words = ""
            }
            while let start = rest.firstIndex(of: "<") {
                words += rest[..<start]
                rest = rest[start...]
                if let mark = marks.first(where: rest.hasPrefix) {
                    finishWords()
                    pieces.append(.mark(mark))
                    rest = rest.dropFirst(mark.count)
                } else if let match = rest.prefixMatch(of: /<patch_index_([0-9]{4})>/), let number = Int(match.1) {
                    finishWords()
                    pieces.append(.number(number))
                    rest = rest[match.range.upperBound...]
                } else {
                    words += "<"
                    rest = rest.dropFirst()
                }
            }
            words += rest
            finishWords()
            return pieces
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}

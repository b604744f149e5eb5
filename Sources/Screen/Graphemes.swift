import CUtf8proc

/// What fills one cell, or two when it is wide: a spacing character and the marks upon it.
///
/// Clusters that terminals measure differently are reduced to what all of them agree on: of a sequence joined by
/// U+200D, and of an emoji with a skin tone, the first emoji stands for the whole; a spacing mark and each half of a
/// flag have a cell of their own.
package struct Grapheme: Hashable, Sendable {
    /// Free of control characters, except for the newline.
    package let text: String
    /// 1 or 2; 0 for a newline.
    package let columns: Int

    package var isNewline: Bool { columns == 0 }

    /// Whether a line may end here, the space itself falling away. Not so for a no-break space.
    package var isSpace: Bool { text == " " || text == "\u{3000}" }

    fileprivate static let newline = Grapheme(text: "\n", columns: 0)
    fileprivate static let space = Grapheme(text: " ", columns: 1)
    fileprivate static let replacement = Grapheme(text: "\u{FFFD}", columns: 1)
    /// The printable ASCII characters from U+0020 on, made once.
    fileprivate static let ascii: [Grapheme] = (0x20..<0x7F).map { value in
        Grapheme(text: String(Character(Unicode.Scalar(UInt8(value)))), columns: 1)
    }
}

/// The graphemes of a text in order, cut and measured by utf8proc's tables.
package struct Graphemes: Sequence, IteratorProtocol {
    /// More marks than these on one character are left out; ncurses keeps five scalars in a cell.
    private static let maximumMarks = 4

    private var scalars: String.UnicodeScalarView.Iterator
    private var lookahead: Unicode.Scalar?

    package init(_ text: String) {
        scalars = text.unicodeScalars.makeIterator()
        lookahead = scalars.next()
    }

    package mutating func next() -> Grapheme? {
        while let scalar = lookahead {
            lookahead = scalars.next()
            if scalar.value >= 0x20 && scalar.value < 0x7F && (lookahead?.value ?? 0) < 0xAD {
                return Grapheme.ascii[Int(scalar.value) - 0x20]
            }
            switch DisplayScalar(scalar) {
            case .spacing(let columns): return cluster(startingWith: scalar, columns: columns)
            case .combining:
                // A mark without a base stands on a dotted circle; a lone joiner or selector is nothing.
                if scalar.isJoinerOrSelector { continue }
                return cluster(startingWith: scalar, columns: 1)
            case .newline: return .newline
            case .tab: return .space
            case .dropped: continue
            case .replaced:
                // A carriage return belongs to the line feed after it.
                if scalar == "\r" && lookahead == "\n" { continue }
                return .replacement
            }
        }
        return nil
    }

    private mutating func cluster(startingWith first: Unicode.Scalar, columns: Int) -> Grapheme {
        var text = String.UnicodeScalarView()
        if case .combining = DisplayScalar(first) { text.append("\u{25CC}") }
        text.append(first)
        var columns = columns
        var marks = 0
        var isJoined = false
        var state: utf8proc_int32_t = 0
        var previous = first
        let isPictograph = first.isPictograph
        while let scalar = lookahead {
            guard !utf8proc_grapheme_break_stateful(Int32(previous.value), Int32(scalar.value), &state) else { break }
            let display = DisplayScalar(scalar)
            if isPictograph && (isJoined || scalar.isSkinTone || scalar.isTag) {
                // Shown by the first emoji alone.
                isJoined = false
            } else if scalar == "\u{200D}" && isPictograph {
                isJoined = true
            } else if case .combining = display {
                if scalar == "\u{FE0F}" && columns == 1 && first.mayBeEmoji { columns = 2 }
                marks += 1
                if marks <= Self.maximumMarks { text.append(scalar) }
            } else if scalar.isHangulVowelOrFinal && columns == 2 {
                marks += 1
                if marks <= Self.maximumMarks { text.append(scalar) }
            } else if display != .dropped {
                // A column of its own: the next call takes it up.
                break
            }
            previous = scalar
            lookahead = scalars.next()
        }
        return Grapheme(text: String(text), columns: columns)
    }
}

extension Unicode.Scalar {
    fileprivate var boundClass: UInt32 {
        utf8proc_get_property(utf8proc_int32_t(value)).pointee.boundclass
    }
    fileprivate var isPictograph: Bool {
        value > 0xA8 && boundClass == UInt32(UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC.rawValue)
    }
    /// Whether U+FE0F turns the scalar into a wide emoji: pictographs, and the keycaps' digits.
    fileprivate var mayBeEmoji: Bool {
        isPictograph || (value >= 0x30 && value <= 0x39) || value == 0x23 || value == 0x2A
    }
    fileprivate var isSkinTone: Bool { value >= 0x1F3FB && value <= 0x1F3FF }
    fileprivate var isTag: Bool { value >= 0xE0020 && value <= 0xE007F }
    fileprivate var isJoinerOrSelector: Bool {
        value == 0x200C || value == 0x200D || (value >= 0xFE00 && value <= 0xFE0F)
            || (value >= 0xE0100 && value <= 0xE01EF)
    }
    fileprivate var isHangulVowelOrFinal: Bool {
        let kind = boundClass
        return kind == UInt32(UTF8PROC_BOUNDCLASS_V.rawValue) || kind == UInt32(UTF8PROC_BOUNDCLASS_T.rawValue)
    }
}

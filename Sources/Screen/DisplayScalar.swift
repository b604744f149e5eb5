import CUtf8proc

/// What the screen does with one Unicode scalar: the single table behind widths, wrapping and sanitizing.
///
/// Text of models, files and pastes is hostile. A scalar that could move the cursor, start an escape sequence,
/// reorder its neighbours or hide text is never shown as itself.
package enum DisplayScalar: Hashable, Sendable {
    /// Occupies one or two cells.
    case spacing(columns: Int)
    /// Joins the cell before it.
    case combining
    /// Ends a line.
    case newline
    /// Advances to the next tab stop.
    case tab
    /// Invisible and harmless: left out.
    case dropped
    /// Control characters, bidirectional overrides, unassigned code points: shown as U+FFFD.
    case replaced

    package init(_ scalar: Unicode.Scalar) {
        let value = scalar.value
        if value >= 0x20 && value < 0x7F {
            self = .spacing(columns: 1)
            return
        }
        switch value {
        case 0x0A, 0x2028, 0x2029: self = .newline
        case 0x09: self = .tab
        // Soft hyphen, zero width space, directional marks, word joiner to invisible plus, byte order mark.
        case 0xAD, 0x200B, 0x200E, 0x200F, 0x061C, 0x2060...0x2064, 0xFEFF: self = .dropped
        // Joiners, and the tags of flags.
        case 0x200C, 0x200D: self = .combining
        default: self = Self.byCategory(scalar)
        }
    }

    private static func byCategory(_ scalar: Unicode.Scalar) -> DisplayScalar {
        let codepoint = utf8proc_int32_t(scalar.value)
        switch utf8proc_category(codepoint) {
        case UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CF, UTF8PROC_CATEGORY_CS, UTF8PROC_CATEGORY_CN,
            UTF8PROC_CATEGORY_ZL, UTF8PROC_CATEGORY_ZP:
            return .replaced
        case UTF8PROC_CATEGORY_CO:
            // Icon fonts live in the first private area; the others are used for picture placeholders only.
            return scalar.value < 0xF900 ? .spacing(columns: 1) : .replaced
        case UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME:
            return .combining
        case UTF8PROC_CATEGORY_MC:
            // A spacing mark has a column of its own in the C library and in most terminals.
            return .spacing(columns: 1)
        default:
            let columns = Int(utf8proc_charwidth(codepoint))
            return columns > 0 ? .spacing(columns: min(columns, 2)) : .dropped
        }
    }

    /// The scalar shown in place of a dangerous one.
    package static let replacement: Unicode.Scalar = "\u{FFFD}"
}

/// A block of Markdown, as GitHub's dialect has them (github.github.com/gfm).
struct MarkdownBlock: Equatable {
    indirect enum Content: Equatable {
        case paragraph([MarkdownRun])
        /// The level is 1 to 6.
        case heading(level: Int, [MarkdownRun])
        /// Literal text; the language is what stands behind the opening fence, empty for none.
        case code(language: String, text: String)
        case quote([MarkdownBlock])
        case list(MarkdownList)
        case table(MarkdownTable)
        case thematicBreak
        /// Raw HTML: never interpreted.
        case html(String)
    }

    var content: Content
    /// Whether the source has a blank line before it.
    var isSpaced: Bool
}

/// A list; its items' numbers follow from the first one's, as CommonMark has it.
struct MarkdownList: Equatable {
    struct Item: Equatable {
        var blocks: [MarkdownBlock]
        /// Whether a task is done; nil for an item that is no task.
        var isDone: Bool?
        var isSpaced: Bool
    }

    /// The first number; nil for bullets.
    var start: Int?
    /// What follows a number: `.` or `)`.
    var delimiter: String
    var items: [Item]
}

/// A table: as many cells in each row as there are alignments.
struct MarkdownTable: Equatable {
    enum Alignment: Equatable {
        case left, center, right
    }

    var alignments: [Alignment]
    var header: [[MarkdownRun]]
    var rows: [[[MarkdownRun]]]
}

/// Text of one kind within a block. What is nested has been unfolded into its traits.
struct MarkdownRun: Equatable {
    struct Traits: OptionSet, Hashable {
        let rawValue: UInt8
        static let emphasis = Traits(rawValue: 1)
        static let strong = Traits(rawValue: 2)
        static let code = Traits(rawValue: 4)
        static let link = Traits(rawValue: 8)
        /// The address of a link or the marks of struck text: read second.
        static let aside = Traits(rawValue: 16)
    }

    /// As the model wrote it: still to be made safe.
    var text: String
    var traits: Traits
}

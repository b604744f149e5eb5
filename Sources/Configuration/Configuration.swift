import ChatUI
import Foundation
import Generation
import TOMLKit

/// What the user has chosen once for all, from `config.toml`. The command line goes before it.
package struct Configuration: Equatable, Sendable {
    /// A theme's name or path; nil takes the standard one.
    package var theme: String?
    /// Lines of text instead of the screen.
    package var isPlain: Bool?
    /// Whether what the model has read is kept on disk when the chat is left.
    package var parksOnLeaving = false
    /// How answers are sampled: the defaults, changed by the table `options`, whose keys are those of `/set`.
    package var options = GenerationOptions()

    package init() {}

    /// Reads a file.
    package init(path: String) throws(ConfigurationError) {
        try self.init(TOMLDocument(path: path))
    }

    /// Reads a text; the path is for messages.
    package init(text: String, path: String) throws(ConfigurationError) {
        try self.init(TOMLDocument(bytes: Array(text.utf8), path: path))
    }

    private init(_ document: TOMLDocument) throws(ConfigurationError) {
        let root = document.root
        try document.refuseUnknownKeys(in: root, known: ["theme", "plain", "park-on-leaving", "options"])
        if let value = root["theme"] {
            guard let name = value.string, !name.isEmpty else {
                throw document.wrongValue(["theme"], value, expected: "a name or path, such as \"dark\"")
            }
            theme = name
        }
        isPlain = try Self.flag("plain", root, document)
        parksOnLeaving = try Self.flag("park-on-leaving", root, document) ?? false
        if let value = root["options"] {
            guard let table = value.table else {
                throw document.wrongValue(["options"], value, expected: "a table, [options]")
            }
            try readOptions(table, document)
        }
    }

    private static func flag(
        _ key: String, _ table: TOMLTable, _ document: TOMLDocument
    ) throws(ConfigurationError) -> Bool? {
        guard let value = table[key] else { return nil }
        guard let flag = value.bool else { throw document.wrongValue([key], value, expected: "true or false") }
        return flag
    }

    private mutating func readOptions(_ table: TOMLTable, _ document: TOMLDocument) throws(ConfigurationError) {
        try document.refuseUnknownKeys(in: table, at: ["options"], known: SamplingOption.names)
        for name in SamplingOption.names {
            guard let value = table[name] else { continue }
            let text: String
            switch value.type {
            case .string: text = value.string ?? ""
            case .int: text = value.int.map(String.init) ?? ""
            case .double: text = value.double.map { "\($0)" } ?? ""
            default: text = ""
            }
            guard !text.isEmpty, SamplingOption.change(name, to: text, in: &options) else {
                throw document.wrongValue(["options", name], value, expected: SamplingOption.range(name))
            }
        }
    }
}

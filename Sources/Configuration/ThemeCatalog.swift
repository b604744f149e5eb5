import ChatUI
import Foundation
import Themes

/// The themes that can be chosen by name: the program's own, and the user's files.
package struct ThemeCatalog: Sendable {
    /// The theme of nobody's choice, which takes the terminal's own colours.
    package static let standardName = "terminal"

    /// Where the user's theme files lie.
    private let folder: String

    /// - Parameter folder: searched before the program's own themes; it need not exist.
    package init(folder: String) {
        self.folder = folder
    }

    /// All names, the standard one first.
    package var names: [String] {
        let own = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let ownNames = own.filter { $0.hasSuffix(".toml") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }
        let built = ["dark", "light", "high-contrast", "monochrome"].filter { BuiltInThemes.files[$0] != nil }
        return [Self.standardName] + built + ownNames.filter { !built.contains($0) && $0 != Self.standardName }.sorted()
    }

    /// Reads a theme by name, or by a path that holds a slash or ends in `.toml`.
    package func theme(_ name: String) throws(ConfigurationError) -> ThemeDefinition {
        if name.contains("/") || name.hasSuffix(".toml") {
            return try ThemeFile.theme(TOMLDocument(path: (name as NSString).expandingTildeInPath))
        }
        let file = folder + "/" + name + ".toml"
        if !name.isEmpty, FileManager.default.fileExists(atPath: file) {
            return try ThemeFile.theme(TOMLDocument(path: file))
        }
        if name == Self.standardName { return .terminal }
        guard let bytes = BuiltInThemes.files[name] else {
            throw .unknownTheme(name: name, known: names, folder: folder)
        }
        return try ThemeFile.theme(TOMLDocument(bytes: bytes, path: "themes/\(name).toml"))
    }
}

import ChatUI
import Screen
import TOMLKit

/// Reading a theme: a table for each role, with `color`, `color256`, `color16`, the same for `background`, and lists of
/// `attributes` (beside colours) and `monochrome` (in their place).
enum ThemeFile {
    private static let keys = [
        "color", "color256", "color16", "background", "background256", "background16", "attributes", "monochrome",
    ]
    private static let colorNames = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
    private static let attributeNames: KeyValuePairs<String, Style.Attributes> = [
        "bold": .bold, "dim": .dim, "italic": .italic, "underline": .underline, "reverse": .reverse,
    ]

    static func theme(_ document: TOMLDocument) throws(ConfigurationError) -> ThemeDefinition {
        let names = Theme.Role.allCases.map(\.rawValue)
        try document.refuseUnknownKeys(in: document.root, known: names)
        var theme = ThemeDefinition(roles: [:])
        for role in Theme.Role.allCases {
            guard let value = document.root[role.rawValue] else { continue }
            guard let table = value.table else {
                throw document.wrongValue([role.rawValue], value, expected: "a table such as { color = \"#5fafd7\" }")
            }
            theme.roles[role] = try style(table, role.rawValue, document)
        }
        return theme
    }

    private static func style(
        _ table: TOMLTable, _ role: String, _ document: TOMLDocument
    ) throws(ConfigurationError) -> ThemeDefinition.RoleStyle {
        try document.refuseUnknownKeys(in: table, at: [role], known: keys)
        let fields = Fields(table: table, role: role, document: document)
        return ThemeDefinition.RoleStyle(
            foreground: try fields.color("color"), background: try fields.color("background"),
            attributes: try fields.attributes("attributes"), monochrome: try fields.attributes("monochrome"))
    }

    /// The values of one role.
    private struct Fields {
        let table: TOMLTable
        let role: String
        let document: TOMLDocument

        func color(_ key: String) throws(ConfigurationError) -> ThemeDefinition.ColorChoice {
            ThemeDefinition.ColorChoice(
                trueColor: try trueColor(key), palette256: try palette256(key + "256"),
                palette16: try palette16(key + "16"))
        }

        private func trueColor(_ key: String) throws(ConfigurationError) -> Color? {
            guard let value = table[key] else { return nil }
            let digits = value.string?.dropFirst() ?? ""
            guard value.string?.first == "#", digits.utf8.count == 6, digits.allSatisfy(\.isHexDigit),
                let number = UInt32(digits, radix: 16)
            else { throw wrong(key, value, "a colour such as \"#5fafd7\"") }
            return .rgb(UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255))
        }

        private func palette256(_ key: String) throws(ConfigurationError) -> UInt8? {
            guard let value = table[key] else { return nil }
            guard let number = value.int.flatMap(UInt8.init(exactly:)) else {
                throw wrong(key, value, "a number from 0 to 255")
            }
            return number
        }

        private func palette16(_ key: String) throws(ConfigurationError) -> UInt8? {
            guard let value = table[key] else { return nil }
            if let number = value.int, (0..<16).contains(number) { return UInt8(number) }
            if let name = value.string {
                let isBright = name.hasPrefix("bright-")
                let plain = isBright ? String(name.dropFirst("bright-".count)) : name
                if let index = colorNames.firstIndex(of: plain) { return UInt8(index + (isBright ? 8 : 0)) }
            }
            let names = colorNames.joined(separator: ", ")
            throw wrong(key, value, "a number from 0 to 15, or one of \(names), each also with bright- before it")
        }

        func attributes(_ key: String) throws(ConfigurationError) -> Style.Attributes {
            guard let value = table[key] else { return [] }
            let names = attributeNames.map(\.key)
            let expected = "a list of \(names.joined(separator: ", "))"
            guard let list = value.array else { throw wrong(key, value, expected) }
            var attributes: Style.Attributes = []
            for entry in list {
                guard let attribute = attributeNames.first(where: { $0.key == entry.string })?.value else {
                    throw wrong(key, entry, expected)
                }
                attributes.insert(attribute)
            }
            return attributes
        }

        private func wrong(_ key: String, _ value: TOMLValueConvertible, _ expected: String) -> ConfigurationError {
            document.wrongValue([role, key], value, expected: expected)
        }
    }
}

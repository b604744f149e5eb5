import ChatUI
import Generation

extension Configuration {
    /// A configuration's text with other sampling options: the table `options` holds those that differ from what is
    /// usual. Everything else stays as it is written, comments too.
    ///
    /// - Parameter path: the file's name, for messages.
    package static func text(
        _ text: String, replacing options: GenerationOptions, path: String
    ) throws(ConfigurationError) -> String {
        // A file with a mistake in it is not made worse.
        _ = try Configuration(text: text, path: path)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        let values = SamplingOption.names.compactMap { name -> String? in
            let value = SamplingOption.text(name, of: options)
            guard value != SamplingOption.text(name, of: GenerationOptions()) else { return nil }
            return "\(name) = \(spelled(value))"
        }
        if let header = lines.firstIndex(where: { name(ofTable: $0) == "options" }) {
            let end = lines[(header + 1)...].firstIndex { $0.drop(while: isBlank).first == "[" } ?? lines.count
            let kept = lines[(header + 1)..<end].filter { !SamplingOption.names.contains(key(of: $0)) }
            lines.replaceSubrange((header + 1)..<end, with: values + kept)
        } else if !values.isEmpty {
            if !lines.isEmpty { lines.append("") }
            lines += ["[options]"] + values
        }
        let changed = lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
        // Options can be written in other ways, such as inside braces, which this does not change.
        guard let read = try? Configuration(text: changed, path: path), read.options == options else {
            throw .cannotEdit(path: path, key: "options")
        }
        return changed
    }

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

    private static func name(ofTable line: String) -> String? {
        let trimmed = line.drop(while: isBlank)
        guard trimmed.first == "[", let end = trimmed.firstIndex(of: "]") else { return nil }
        return String(trimmed[..<end].dropFirst().filter { !isBlank($0) && $0 != "\"" && $0 != "'" })
    }

    private static func key(of line: String) -> String {
        guard let sign = line.firstIndex(of: "=") else { return "" }
        return String(line[..<sign].filter { !isBlank($0) && $0 != "\"" && $0 != "'" })
    }

    /// A number as it is, anything else as a basic string.
    private static func spelled(_ value: String) -> String {
        let isFraction = value.contains(".") && value.allSatisfy { $0.isASCII && ($0.isNumber || "-.".contains($0)) }
        if Int64(value) != nil || isFraction && Double(value) != nil { return value }
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return "\"\(text)\""
    }
}

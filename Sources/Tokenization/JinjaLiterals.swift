/// Finds the literal texts of a Jinja template: what stands outside its tags, and the quoted strings inside them.
enum JinjaLiterals {
    /// All literals in order, escapes resolved.
    static func all(in source: String) -> [String] {
        let scalars = Array(source.unicodeScalars)
        var literals = [String]()
        var outside = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            guard scalars[index] == "{", index + 1 < scalars.count, "{%#".unicodeScalars.contains(scalars[index + 1])
            else {
                outside.append(scalars[index])
                index += 1
                continue
            }
            if !outside.isEmpty { literals.append(String(outside)) }
            outside = String.UnicodeScalarView()
            let closing: Unicode.Scalar = scalars[index + 1] == "{" ? "}" : scalars[index + 1]
            index = readTag(scalars, from: index + 2, closing: closing, into: &literals)
        }
        if !outside.isEmpty { literals.append(String(outside)) }
        return literals
    }

    /// Reads up to the end of a tag, and returns the index behind it.
    private static func readTag(
        _ scalars: [Unicode.Scalar], from start: Int, closing: Unicode.Scalar, into literals: inout [String]
    ) -> Int {
        var index = start
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar == closing, index + 1 < scalars.count, scalars[index + 1] == "}" { return index + 2 }
            index += 1
            guard closing != "#", scalar == "'" || scalar == "\"" else { continue }
            var text = String.UnicodeScalarView()
            while index < scalars.count, scalars[index] != scalar {
                if scalars[index] == "\\", index + 1 < scalars.count {
                    index += 1
                    switch scalars[index] {
                    case "n": text.append("\n")
                    case "t": text.append("\t")
                    case "r": text.append("\r")
                    default: text.append(scalars[index])
                    }
                } else {
                    text.append(scalars[index])
                }
                index += 1
            }
            index += 1
            literals.append(String(text))
        }
        return index
    }
}

import Foundation

/// Files in which the system tells about itself, a line for each thing.
enum SystemFile {
    /// The value of a line such as `name: value`, without quotes.
    static func field(_ name: String, of path: String, separator: Character) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") {
            let pieces = line.split(separator: separator, maxSplits: 1)
            if pieces.count == 2, pieces[0].trimmingCharacters(in: .whitespaces) == name {
                return pieces[1].trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
            }
        }
        return nil
    }
}

import Foundation
import Paths

/// What users have sent, kept for later conversations: a file of one JSON text per line, the latest last.
///
/// Bounded, replaced in one step, and for its owner only (0600). Blocks on the disk; not for several threads at once.
package struct InputHistoryFile: Sendable {
    /// Entries that are kept.
    package static let maximumEntries = 1000
    /// Longer texts are not kept: they come from a file that the user has.
    package static let maximumEntryBytes = 16 << 10

    private static let maximumBytes = maximumEntries * (6 * maximumEntryBytes + 3)

    private let path: String
    private let calls: FileCalls

    package init(path: String) {
        self.init(path: path, calls: .system)
    }

    package init(path: String, calls: FileCalls) {
        self.path = path
        self.calls = calls
    }

    /// The entries; empty when there is no file. Lines that are no JSON texts are passed over.
    package func entries() throws(SessionError) -> [String] {
        guard SessionFiles.exists(path) else { return [] }
        let bytes = try SessionFiles.read(path, limit: Self.maximumBytes)
        let lines = bytes.split(separator: UInt8(ascii: "\n")).suffix(Self.maximumEntries)
        return lines.compactMap { line in
            guard line.count <= 6 * Self.maximumEntryBytes + 2,
                case .string(let text)? = try? JSONParser.parse(Array(line)), !text.isEmpty
            else { return nil }
            return text
        }
    }

    /// Adds an entry, unless it is the last one already, or too long.
    package func append(_ text: String) throws(SessionError) {
        guard !text.isEmpty, text.utf8.count <= Self.maximumEntryBytes else { return }
        // Another process may have added to it.
        var entries = try entries()
        guard entries.last != text else { return }
        entries.append(text)
        var bytes: [UInt8] = []
        for entry in entries.suffix(Self.maximumEntries) {
            bytes += JSONValue.string(entry).compactBytes + [UInt8(ascii: "\n")]
        }
        try SessionFiles.makeFolder(PathName.folder(of: path))
        try SessionFiles.replace(path, with: bytes, calls: calls)
    }
}

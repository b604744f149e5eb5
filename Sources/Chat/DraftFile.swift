import Foundation
import Paths

/// A piece of a message that was not sent.
package enum DraftPart: Sendable, Equatable {
    case text(String)
    /// A picture's file.
    case image(path: String)
    /// A clip's file, of which so many frames are to be taken.
    case video(path: String, frames: Int)
}

/// What was being written when the program ended, kept for the next time: a JSON file of one array.
///
/// Replaced in one step, and for its owner only (0600). Blocks on the disk.
package struct DraftFile: Sendable {
    /// More is not kept.
    private static let maximumBytes = 4 << 20

    private let path: String
    private let calls: FileCalls

    package init(path: String) {
        self.init(path: path, calls: .system)
    }

    package init(path: String, calls: FileCalls) {
        self.path = path
        self.calls = calls
    }

    /// What was kept; empty when there is nothing, or nothing that can be read.
    package func parts() -> [DraftPart] {
        guard SessionFiles.exists(path), let bytes = try? SessionFiles.read(path, limit: Self.maximumBytes),
            let elements = (try? JSONParser.parse(bytes))?.elements
        else { return [] }
        return elements.compactMap { element in
            guard case .object(let fields) = element else { return nil }
            switch (fields["text"], fields["image"], fields["video"], fields["frames"]) {
            case (.string(let text)?, nil, nil, nil): return .text(text)
            case (nil, .string(let path)?, nil, nil): return .image(path: path)
            case (nil, nil, .string(let path)?, .integer(let frames)?):
                return (1...64).contains(frames) ? .video(path: path, frames: Int(frames)) : nil
            default: return nil
            }
        }
    }

    /// Keeps a draft; an empty one removes what was kept before.
    package func save(_ parts: [DraftPart]) throws(SessionError) {
        guard !parts.isEmpty else {
            unlink(path)
            return
        }
        let elements = parts.map { part -> JSONValue in
            switch part {
            case .text(let text): .object(["text": .string(text)])
            case .image(let path): .object(["image": .string(path)])
            case .video(let path, let frames):
                .object(["video": .string(path), "frames": .integer(Int64(frames))])
            }
        }
        let bytes = JSONValue.array(elements).prettyBytes
        guard bytes.count <= Self.maximumBytes else {
            throw .tooLarge(path: path, bytes: bytes.count, limit: Self.maximumBytes)
        }
        try SessionFiles.makeFolder(PathName.folder(of: path))
        try SessionFiles.replace(path, with: bytes, calls: calls)
    }
}

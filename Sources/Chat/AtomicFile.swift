import Paths

/// Replacing a file of the user's in one step: on failure the old one stays.
package enum AtomicFile {
    /// Writes a file for its owner only, with the folders above it.
    package static func replace(_ path: String, with bytes: [UInt8]) throws(SessionError) {
        let folder = PathName.folder(of: path)
        if !folder.isEmpty { try SessionFiles.makeFolder(folder) }
        try SessionFiles.replace(path, with: bytes, calls: .system)
    }
}

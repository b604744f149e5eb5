import Glibc

/// Finding files by glob(7) patterns, as a shell does, but not for longer than anybody waits.
package enum FilePattern {
    package enum Matches: Equatable, Sendable {
        /// The paths in alphabetical order; folders are left out.
        case files([String])
        /// There are more than were allowed.
        case tooMany
        /// There was more to look through than the time allowed.
        case tookTooLong
    }

    /// The files that a pattern matches.
    ///
    /// Reads folders until there are more files than `limit`, or until `time` is over.
    package static func matches(_ pattern: String, limit: Int, within time: Duration) -> Matches {
        var search = PatternSearch(limit: limit, deadline: .now + time)
        // An empty piece is one slash beside another.
        let pieces = pattern.split(separator: "/").map(String.init)
        do throws(PatternSearch.Stop) {
            try search.look(in: pattern.hasPrefix("/") ? "/" : "", for: pieces[...])
        } catch {
            switch error {
            case .tooMany: return .tooMany
            case .tookTooLong: return .tookTooLong
            }
        }
        return .files(search.found)
    }
}

private struct PatternSearch {
    enum Stop: Error {
        case tooMany, tookTooLong
    }

    let limit: Int
    let deadline: ContinuousClock.Instant
    private(set) var found: [String] = []

    init(limit: Int, deadline: ContinuousClock.Instant) {
        self.limit = limit
        self.deadline = deadline
    }

    /// - Parameter folder: empty, or ends in a slash.
    mutating func look(in folder: String, for pieces: ArraySlice<String>) throws(Stop) {
        guard let piece = pieces.first else { return }
        let rest = pieces.dropFirst()
        guard Self.isPattern(piece) else {
            let path = folder + Self.withoutBackslashes(piece)
            return rest.isEmpty ? try add(path) : try look(in: path + "/", for: rest)
        }
        for name in try names(in: folder, matching: piece) {
            if rest.isEmpty {
                try add(folder + name)
            } else {
                try look(in: folder + name + "/", for: rest)
            }
        }
    }

    private mutating func add(_ path: String) throws(Stop) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { return }
        guard found.count < limit else { throw .tooMany }
        found.append(path)
    }

    /// In alphabetical order; hidden ones only where the pattern begins with a dot.
    private func names(in folder: String, matching pattern: String) throws(Stop) -> [String] {
        guard ContinuousClock.now < deadline else { throw .tookTooLong }
        guard let stream = opendir(folder.isEmpty ? "." : folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        var count = 0
        while let entry = readdir(stream) {
            count += 1
            if count % 256 == 0, ContinuousClock.now >= deadline { throw .tookTooLong }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
                    fnmatch(pattern, $0, FNM_PERIOD) == 0 ? String(validatingCString: $0) : nil
                }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { strcoll($0, $1) < 0 }
    }

    private static func isPattern(_ piece: String) -> Bool {
        var isEscaped = false
        for byte in piece.utf8 {
            if !isEscaped, byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "[") {
                return true
            }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        }
        return false
    }

    private static func withoutBackslashes(_ piece: String) -> String {
        var result = ""
        var isEscaped = false
        for character in piece {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }
}

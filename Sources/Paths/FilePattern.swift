import Glibc

/// Finding files by glob(7) patterns, as a shell does.
package enum FilePattern {
    /// The paths of the files that a pattern matches, in alphabetical order; folders are left out.
    package static func matches(_ pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard glob(pattern, GLOB_MARK, nil, &result) == 0, let paths = result.gl_pathv else { return [] }
        return (0..<Int(result.gl_pathc)).compactMap { index in
            guard let path = paths[index], let text = String(validatingCString: path) else { return nil }
            return text.hasSuffix("/") ? nil : text
        }
    }
}

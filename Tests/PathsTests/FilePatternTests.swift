import Foundation
import Paths
import Testing

@Suite struct FilePatternTests {
    @Test func filesAreFoundInOrderAndFoldersAreNot() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("c.jpg"), withIntermediateDirectories: true)
        for name in ["b.jpg", "a.jpg", "a.png", "d[1].jpg", ".hidden.jpg"] {
            try Data().write(to: folder.appendingPathComponent(name))
        }
        func names(_ pattern: String) -> [String]? {
            guard
                case .files(let paths) = FilePattern.matches(
                    folder.path + "/" + pattern, limit: 9, within: .seconds(60))
            else { return nil }
            return paths.map { String($0.dropFirst(folder.path.count + 1)) }
        }
        #expect(names("*.jpg") == ["a.jpg", "b.jpg", "d[1].jpg"])
        #expect(names("[ab].jpg") == ["a.jpg", "b.jpg"])
        #expect(names("d\\[1\\].jpg") == ["d[1].jpg"])
        #expect(names("?.webp") == [])
        #expect(names("c.jpg/*") == [])
        #expect(names(".*.jpg") == [".hidden.jpg"])
        #expect(names("*/a.jpg") == [])
        #expect(FilePattern.matches("", limit: 9, within: .seconds(60)) == .files([]))
    }

    /// What glob(3) of the C library finds.
    @Test func foldersMayBePatternsToo() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["one", "two", ".three", "o*e"] {
            let inner = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            for file in ["x1.jpg", "x2.jpg", "y.png", "[z].gif"] {
                try Data().write(to: inner.appendingPathComponent(file))
            }
        }
        try FileManager.default.createSymbolicLink(
            at: folder.appendingPathComponent("link"), withDestinationURL: folder.appendingPathComponent("one"))
        for pattern in [
            "*/x?.jpg", "o*/*", "o\\*e/x1.jpg", "one//x[12].jpg", "[!.o]*/y.png", "*/../one/y.png", "one/\\[z\\].gif",
            "one/[z].gif", "li*/[[]z].gif", "*", "nothing/*", "one/x1.jpg/*", "[", "\\",
        ] {
            let path = folder.path + "/" + pattern
            var expected = glob_t()
            defer { globfree(&expected) }
            let paths =
                glob(path, GLOB_MARK, nil, &expected) == 0
                ? (0..<Int(expected.gl_pathc)).compactMap { expected.gl_pathv[$0].map { String(cString: $0) } } : []
            let files = paths.filter { !$0.hasSuffix("/") }.map { $0.replacingOccurrences(of: "//", with: "/") }
            #expect(FilePattern.matches(path, limit: 99, within: .seconds(60)) == .files(files), "\(pattern)")
        }
        #expect(FilePattern.matches(folder.path + "/*/*", limit: 5, within: .seconds(60)) == .tooMany)
        #expect(FilePattern.matches(folder.path + "/*/*", limit: 99, within: .zero) == .tookTooLong)
    }
}

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
        func names(_ pattern: String) -> [String] {
            FilePattern.matches(folder.path + "/" + pattern).map { String($0.dropFirst(folder.path.count + 1)) }
        }
        #expect(names("*.jpg") == ["a.jpg", "b.jpg", "d[1].jpg"])
        #expect(names("[ab].jpg") == ["a.jpg", "b.jpg"])
        #expect(names("d\\[1\\].jpg") == ["d[1].jpg"])
        #expect(names("?.webp") == [])
        #expect(FilePattern.matches("") == [])
    }
}

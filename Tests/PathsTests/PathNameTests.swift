import Paths
import Testing

@Suite struct PathNameTests {
    @Test(arguments: [
        ("a", ""), ("", ""), (".", ""), ("~", ""), ("é", ""), ("ab", ""), ("a/", ""), ("/", "/"), ("//", "/"),
        ("/a", "/"),
        ("/a/", "/"), ("a/b", "a"), ("a//b", "a"), ("/a/b", "/a"), ("/a/b//", "/a"), ("./a", "."), ("//a", "/"),
        ("ä/ö/ü", "ä/ö"),
    ])
    func folders(_ path: String, _ folder: String) {
        #expect(PathName.folder(of: path) == folder)
    }
}

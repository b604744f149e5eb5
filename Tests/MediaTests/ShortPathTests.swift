import Media
import Testing

/// Paths as short as a slip of the finger.
@Suite struct ShortPathTests {
    @Test(arguments: ["", "a", "~", "é", "/nope", "nope/", "//"])
    func areAnErrorAndNoTrap(_ path: String) {
        #expect(throws: MediaError.self) { try StillDecoder().load(path: path) }
        #expect(throws: MediaError.self) { try VideoDecoder().sample(path: path, count: 1) }
    }
}

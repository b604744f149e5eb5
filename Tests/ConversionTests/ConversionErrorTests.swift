import Conversion
import Testing

@Suite struct ConversionErrorWording {
    /// One of each case; the switch makes a new case fail to compile until it is listed.
    static let examples: [ConversionError] = {
        let path = "/models/a.gguf"
        func listed(_ error: ConversionError) -> ConversionError {
            switch error {
            case .cannotWrite, .isFolder, .notEnoughRoom, .diskFull, .inUse, .notStorable, .unknownShape, .tooLarge,
                .cancelled:
                error
            }
        }
        return [
            .cannotWrite(path: path, reason: "Permission denied"), .isFolder(path: path),
            .notEnoughRoom(path: path, needed: 22_548_578_304, available: 512),
            .diskFull(path: path, written: 1 << 30, size: 21 << 30), .inUse(path: path),
            .notStorable(path: path, tensor: "blk.0\u{1B}[2J", row: 7, type: "F16"),
            .unknownShape(name: "gpt", known: ["emu2"]), .tooLarge(path: path),
            .cancelled(path: path, written: 0, size: 9),
        ].map(listed)
    }()

    @Test(arguments: examples) func namesWhatIsWrongOnOneLineAndARemedy(error: ConversionError) {
        let text = error.description
        #expect(text.hasPrefix("/models/a.gguf: ") || text.contains("gpt"))
        #expect(text.hasSuffix("."))
        #expect(!text.unicodeScalars.contains { $0.value < 32 })
        let remedies = ["again", "Check", "Choose", "Free", "try", "Wait"]
        #expect(remedies.contains { text.contains($0) })
    }

    @Test func sizesAreForPeople() {
        let texts = [0, 1023, 1024, 1_572_864, 22_548_578_304, 3 << 40].map(ByteCount.text)
        #expect(texts == ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "21.0 GiB", "3.0 TiB"])
    }
}

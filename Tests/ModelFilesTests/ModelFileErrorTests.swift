import ModelFiles
import Testing

@Suite struct ModelFileErrorWording {
    /// One of each case; the switch makes a new case fail to compile until it is listed.
    static let examples: [ModelFileError] = {
        let path = "/models/a.gguf"
        func listed(_ error: ModelFileError) -> ModelFileError {
            switch error {
            case .cannotOpen, .isFolder, .isEmpty, .noWeights, .otherFormat, .bigEndian, .unsupportedVersion,
                .truncated, .tooLarge,
                .malformed, .refusedPickle, .duplicateKey, .duplicateTensor, .overlappingTensors, .missingKey,
                .wrongType,
                .missingTensor, .wrongShape, .wrongTensorType:
                error
            }
        }
        return [
            .cannotOpen(path: path, reason: "Permission denied"), .isFolder(path: path), .isEmpty(path: path),
            .noWeights(path: path, candidates: ["a.bin", "b.bin"]),
            .otherFormat(path: path, wanted: "GGUF", seems: .zipArchive), .bigEndian(path: path),
            .unsupportedVersion(path: path, found: 9),
            .truncated(path: path, what: "tensor x", offset: 4, needed: 9, available: 3),
            .tooLarge(path: path, what: "the number of keys", found: 10, limit: 5),
            .malformed(path: path, what: "general.alignment", expected: "a power of two", found: "3"),
            .refusedPickle(path: path, what: "os.system"),
            .duplicateKey(path: path, key: "k"), .duplicateTensor(path: path, name: "t"),
            .overlappingTensors(path: path, first: "t", second: "u"),
            .missingKey(path: path, key: "k", expected: "text"),
            .wrongType(path: path, key: "k", expected: "text", found: "a number"),
            .missingTensor(path: path, name: "t"),
            .wrongShape(path: path, name: "t", expected: [1, 2], found: [2, 1]),
            .wrongTensorType(path: path, name: "t", expected: "F32", found: "Q4_1"),
        ].map(listed)
    }()

    @Test(arguments: examples) func namesTheFileOnOneLineAndARemedy(error: ModelFileError) {
        let text = error.description
        #expect(text.hasPrefix("/models/a.gguf: "))
        #expect(text.hasSuffix("."))
        #expect(!text.contains("\n"))
        let remedies = [
            "again", "Check", "Name the", "Unpack", "Get the", "Convert", "Use ", "Run ",
        ]
        #expect(remedies.contains { text.contains($0) })
    }

    @Test(arguments: ModelFileKind.allCases) func everyKindHasARemedy(kind: ModelFileKind) {
        let text = ModelFileError.otherFormat(path: "a", wanted: "GGUF", seems: kind).description
        #expect(text.contains(kind.name) && text.contains(kind.remedy) && !kind.remedy.isEmpty)
    }

    @Test func controlCharactersAreEscapedAndLongNamesCut() {
        let text = ModelFileError.duplicateKey(
            path: "a", key: "x\u{1B}[2J\n\u{202E}" + String(repeating: "y", count: 9999)
        )
        .description
        #expect(text.contains("\\u{1b}[2J\\u{a}\\u{202e}"))
        #expect(text.unicodeScalars.count < 500)
    }
}

import Foundation
import Inference
import Tensor
import TestSupport
import Testing

/// What a prompt's tokens leave in memory of the table that they are looked up in.
@Suite struct EmbeddingMemoryTests {
    /// Kibibytes in memory of this process's mapping of a file.
    private func residentKibibytes(of path: String) throws -> Int {
        let maps = try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8)
        var (isFile, sum) = (false, 0)
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words[0].contains("-"), !words[0].hasSuffix(":") { isFile = line.hasSuffix(path) }
            if isFile, words[0] == "Rss:" { sum += Int(words[1]) ?? 0 }
        }
        return sum
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func aLongPromptGivesTheTableBack() throws {
        let file = try #require(TestSupport.builtInModel)
        // A name of its own: other tests map the model as well.
        let copy = try TestSupport.temporaryFolder().appendingPathComponent("model.gguf")
        defer { try? FileManager.default.removeItem(at: copy.deletingLastPathComponent()) }
        try FileManager.default.copyItem(at: file, to: copy)
        let model = try LoadedModel(
            path: copy.path, options: ModelOptions(contextLength: 512, threadCount: 2, precision: .fast))
        let session = try DecoderSession(model: model)
        let before = try residentKibibytes(of: copy.path)
        let size = Int32(model.decoder.configuration.vocabularySize)
        #expect(session.append((0..<Int32(400)).map { $0 &* 7919 % size }[...]))
        #expect(try residentKibibytes(of: copy.path) < before + 4096)
    }
}

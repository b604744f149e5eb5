import Foundation
import Inference
import Tensor
import TestSupport
import Testing

/// What a prompt's tokens leave in memory of the table that they are looked up in.
@Suite struct EmbeddingMemoryTests {
    /// Kibibytes in memory of this process's mapping of a file, which there must be.
    private func residentKibibytes(of path: String) throws -> Int {
        // Read to its end: the system gives a page of it at a time, and a string made of the file would stop there.
        let file = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
        let maps = String(decoding: try #require(try file.readToEnd()), as: UTF8.self)
        var (isFile, sum) = (false, Int?.none)
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words[0].contains("-"), !words[0].hasSuffix(":") { isFile = line.hasSuffix(path) }
            if isFile, words[0] == "Rss:" { sum = (sum ?? 0) + (Int(words[1]) ?? 0) }
        }
        return try #require(sum, "\(path) is not mapped")
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

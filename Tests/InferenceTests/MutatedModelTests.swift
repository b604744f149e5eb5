import AllocationMeter
import Foundation
import Generation
import Inference
import ModelFiles
import Models
import TestSupport
import Testing
import Tokenization

/// Damaged models are refused in words or run, never a trap: from the header to the first token.
@Suite struct MutatedModelTests {
    @Test func neitherTrapNorHangNorTakeMemory() throws {
        let count = Mutation.count(default: 1500)
        let originals = try Self.originals()
        #expect(!originals.isEmpty)
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("mutant.gguf").path
        var random = SeededGenerator(seed: 20_260_607)
        var tally = Tally()
        let isMeasured = allocation_meter_start()
        for index in 0..<count {
            let bytes = originals[index % originals.count].mutant(kind: index / originals.count % 4, &random)
            #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
            allocation_meter_reset()
            let began = TestSupport.processorTime()
            try load(path, &tally)
            tally.slowest = max(tally.slowest, TestSupport.processorTime() - began)
            let figures = allocation_meter_figures()
            // Below these sizes it is the paths and messages that count, not what the file asks for.
            try #require(
                figures.largest <= max(2 * bytes.count, 1 << 16), "mutant \(index) asked for \(figures.largest)")
            // Work grows with the file: what is done for each of its bytes needs at most so many allocations.
            try #require(figures.count <= bytes.count + 20_000, "mutant \(index): \(figures.count) allocations")
            tally.largest = max(tally.largest, Double(figures.largest) / Double(bytes.count))
            tally.peak = max(tally.peak, figures.peak)
        }
        #expect(tally.headers * 10 >= count * 3, "only \(tally.headers) of \(count) mutants got past the header")
        #expect(tally.runs > 0)
        print(
            """
            \(count) mutants of models: \(tally.headers) headers, \(tally.tokenizers) tokenizers, \(tally.decoders) \
            decoders accepted, \(tally.runs) ran; the slowest took \(tally.slowest)
            """,
            isMeasured ? "; the most memory at once was \(tally.peak) bytes" : "", separator: "")
    }

    private struct Tally {
        var headers = 0
        var tokenizers = 0
        var decoders = 0
        var runs = 0
        var slowest = Duration.zero
        var largest = 0.0
        var peak = 0
    }

    /// As far as the file lets itself be used.
    private func load(_ path: String, _ tally: inout Tally) throws {
        let file: GGUFFile
        do throws(ModelFileError) {
            file = try GGUFFile(path: path)
        } catch { return try checkWording(error.description) }
        tally.headers += 1
        do throws(TokenizerError) {
            _ = try makeTokenizer(from: file)
            tally.tokenizers += 1
        } catch { try checkWording(error.description) }
        do throws(ModelError) {
            _ = try ModelRegistry.decoder(of: file)
            tally.decoders += 1
        } catch { return try checkWording(error.description) }
        do throws(InferenceError) {
            // The shortest context: the cache's size is the caller's choice, not the file's.
            let options = ModelOptions(contextLength: LoadedModel.leastContextLength, threadCount: 1)
            let model = try LoadedModel(path: path, options: options)
            try run(model)
            tally.runs += 1
        } catch { try checkWording(error.description) }
    }

    /// A prompt and one token behind it.
    private func run(_ model: LoadedModel) throws(InferenceError) {
        let session = try DecoderSession(model: model)
        let ids = Array(model.tokenizer.encode("The wind, 42\n").prefix(LoadedModel.leastContextLength - 1))
        guard !ids.isEmpty, session.append(ids[...]) else { return }
        var sampler = Sampler(options: GenerationOptions(), seed: 1)
        // Damaged weights may give no number to choose by.
        guard let choice = sampler.choose(session.logits), session.append([choice.token]) else { return }
        var decoder = StreamingDecoder(tokenizer: model.tokenizer)
        _ = decoder.append(choice.token) + decoder.finish()
    }

    private func checkWording(_ text: String) throws {
        try #require(!text.isEmpty && !text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 }, "\(text)")
        try #require(text.utf8.count < 3000)
    }

    // MARK: What is damaged

    private struct Original {
        let builder: GGUFBuilder
        let bytes: [UInt8]
        /// Where the weights begin.
        let headerCount: Int

        /// Half have single values changed, a quarter any bytes of the header, a quarter any bytes of the file.
        func mutant(kind: Int, _ random: inout SeededGenerator) -> [UInt8] {
            switch kind {
            case 0, 1: Mutation.mutate(builder, with: &random).build()
            case 2: Mutation.mutate(Array(bytes[..<headerCount]), with: &random) + bytes[headerCount...]
            default: Mutation.mutate(bytes, with: &random)
            }
        }
    }

    /// Every small model among the fixtures, taken apart.
    private static func originals() throws -> [Original] {
        let folder = TestSupport.fixture("InferenceTests", "")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".gguf") }
        return try names.sorted().map { name in
            let file = try GGUFFile(path: folder.appendingPathComponent(name).path)
            let builder = try builder(of: file)
            let bytes = builder.build()
            let reopened = try TestSupport.withTemporaryFile(bytes, name: name) { try GGUFFile(path: $0) }
            #expect(reopened.tensorNames == file.tensorNames && reopened.metadata.count == file.metadata.count)
            let start = try #require(reopened.mapping.bytes.baseAddress)
            let weights = try #require(reopened.tensors.values.compactMap(\.bytes.baseAddress).min())
            return Original(builder: builder, bytes: bytes, headerCount: weights - start)
        }
    }

    private static func builder(of file: GGUFFile) throws -> GGUFBuilder {
        var builder = GGUFBuilder()
        builder.alignment = file.alignment
        for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
            builder.set(key, try builderValue(value, key, file))
        }
        for name in file.tensorNames {
            let tensor = try file.tensor(name)
            builder.add(name, shape: tensor.shape, type: tensor.type.rawValue, bytes: Array(tensor.bytes))
        }
        return builder
    }

    private static func builderValue(
        _ value: GGUFValue, _ key: String, _ file: GGUFFile
    ) throws -> GGUFBuilder.Value {
        switch value {
        case .unsigned(let number): .uint32(try #require(UInt32(exactly: number)))
        case .signed(let number): .int32(try #require(Int32(exactly: number)))
        case .float(let number): .float32(Float(number))
        case .bool(let flag): .bool(flag)
        case .string: .string(try file.string(key))
        case .array(let array) where array.elementType == .string: .strings(try file.strings(key))
        case .array(let array) where array.elementType == .float32: .float32s(try file.floats(key))
        case .array: .int32s(try file.int32s(key))
        }
    }
}

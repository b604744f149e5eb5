import Conversion
import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Pixels
import Tensor
import TestSupport
import Testing
import Tokenization

/// The small built-in model's computation and files, with a decoder, an encoder and adapters of random weights.
@Suite struct EmuchatNanoTests {
    private static func picture(_ seed: UInt64) throws -> PixelImage {
        var random = SeededGenerator(seed: seed)
        return try #require(
            PixelImage(
                width: 12, height: 9, bytes: (0..<12 * 9 * 3).map { _ in UInt8.random(in: 0...255, using: &random) }))
    }

    private func load(
        _ path: String, precision: Precision = .exact, folders: [String] = []
    ) throws -> LoadedModel {
        try LoadedModel(
            path: path,
            options: ModelOptions(
                contextLength: 64, threadCount: 1, precision: precision, configurationFolders: folders))
    }

    // MARK: Computing

    @Test func theAdaptedDecoderIsTheOneWithTheSumsInItsFile() throws {
        let files = try EmuchatNanoFiles()
        // The same sums, computed here.
        var tiny = TinyModel("llama")
        for (name, inputs, outputs) in EmuchatNanoFiles.adapted {
            let (a, b) = (try files.values("\(name).lora_a"), try files.values("\(name).lora_b"))
            var weights = try #require(tiny.tensors["\(name).weight"])
            for output in 0..<outputs {
                for input in 0..<inputs {
                    let added = (0..<EmuchatNanoFiles.rank).reduce(0.0) {
                        $0 + Double(b[output * EmuchatNanoFiles.rank + $1]) * Double(a[$1 * inputs + input])
                    }
                    weights.values[output * inputs + input] += Float(added * 1.5)
                }
            }
            tiny.tensors["\(name).weight"] = weights
        }
        func logits(_ decoder: any Decoder) throws -> [Float] {
            let session = try DecoderSession(
                decoder: decoder, contextLength: 32, pool: ThreadPool(threadCount: 2))
            _ = session.append([4, 9, 2, 30, 7])
            return Array(session.logits)
        }
        try files.write { path, _ in
            let network = try ModelRegistry.network(of: ModelRegistry.open(path: path))
            let expected = try tiny.builder().withFile { try logits(ModelRegistry.decoder(of: GGUFFile(path: $0))) }
            let plain = try TinyModel("llama").builder().withFile {
                try logits(ModelRegistry.decoder(of: GGUFFile(path: $0)))
            }
            let found = try logits(network.decoder)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 })
            // Without a picture it is the language model to the last bit.
            #expect(try logits(#require(network.visual?.textDecoder)) == plain)
            #expect(zip(found, plain).contains { abs($0 - $1) > 1e-2 })

            let packer = WeightPacker(pool: ThreadPool(threadCount: 1)) { _ in }
            let fast = try ModelRegistry.network(
                of: ModelRegistry.open(path: path), loading: WeightLoading(packer: packer))
            let rounded = try logits(fast.decoder)
            let error = zip(rounded, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
            let greatest = expected.reduce(0) { max($0, abs($1)) }
            #expect(error < greatest / 20, "\(error) of \(greatest)")
        }
    }

    @Test func aPictureIsItsClassTokenAndAveragesNormedAndProjected() throws {
        let files = try EmuchatNanoFiles()
        let (width, outer) = (EmuchatNanoFiles.encoderWidth, EmuchatNanoFiles.width)
        try files.write { path, parts in
            let model = try #require(try ModelRegistry.network(of: ModelRegistry.open(path: path)).visual)
            let tower = try CLIPVisionTransformer(file: GGUFFile(path: "\(parts)/vision.gguf"))
            let (pool, image) = (ThreadPool(threadCount: 2), try Self.picture(1))
            let features = try #require(
                try model.features(of: image, slots: 5, pool: pool, isCancelled: { false }, progress: { _ in }))
            let hidden = try #require(
                try tower.hiddenStates(pixels: tower.preprocessing.pixels(of: image), pool: pool))
            #expect(model.imageSlots == 5 && features.count == 5 * width)
            // The squares of a grid of 4 by 4 patches, behind the class token.
            let squares = [[0], [1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]
            for (row, tokens) in squares.enumerated() {
                for feature in 0..<width {
                    let mean = tokens.reduce(0) { $0 + hidden.pointer[$1 * width + feature] } / Float(tokens.count)
                    #expect(abs(features[row * width + feature] - mean) < 1e-5)
                }
            }
            let rows = model.embeddings(features: features, pool: pool)
            let (weight, bias) = (try files.values("mm.up.weight"), try files.values("mm.up.bias"))
            let (scale, shift) = (try files.values("mm.norm.weight"), try files.values("mm.norm.bias"))
            #expect(rows.count == 5 * outer)
            for row in 0..<5 {
                let x = features[row * width..<(row + 1) * width].map { Double($0) }
                let mean = x.reduce(0, +) / Double(width)
                let deviation = (x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width) + 1e-5).squareRoot()
                let normed = (0..<width).map {
                    (x[$0] - mean) / deviation * Double(scale[$0]) + Double(shift[$0])
                }
                // The class token's row, and no other, has its name added.
                let name = row == 0 ? try Self.name(of: normed, files) : [Double](repeating: 0, count: outer)
                for output in 0..<outer {
                    let expected = (0..<width).reduce(Double(bias[output]) + name[output]) { sum, input in
                        sum + normed[input] * Double(weight[output * width + input])
                    }
                    #expect(abs(Double(rows[row * outer + output]) - expected) < 1e-4)
                }
            }
        }
    }

    /// value · softmax(key · token + bias).
    private static func name(of token: [Double], _ files: EmuchatNanoFiles) throws -> [Double] {
        let (keys, bias) = (try files.values("mm.memory.key.weight"), try files.values("mm.memory.key.bias"))
        let values = try files.values("mm.memory.value.weight")
        let likeness = bias.indices.map { name in
            token.indices.reduce(Double(bias[name])) { $0 + token[$1] * Double(keys[name * token.count + $1]) }
        }
        let greatest = likeness.max() ?? 0
        let weights = likeness.map { exp($0 - greatest) }
        let sum = weights.reduce(0, +)
        return (0..<EmuchatNanoFiles.width).map { output in
            weights.indices.reduce(0) { $0 + weights[$1] / sum * Double(values[output * weights.count + $1]) }
        }
    }

    @Test func whatIsTransparentIsSeenOnWhite() throws {
        try EmuchatNanoFiles().write { path, _ in
            let model = try #require(try ModelRegistry.network(of: ModelRegistry.open(path: path)).visual)
            let (covered, hidden) = (try Self.picture(1), try Self.picture(2))
            let image = try #require(
                PixelImage(width: 12, height: 9, bytes: hidden.bytes, onWhite: covered.bytes))
            func features(_ image: PixelImage) throws -> [Float] {
                try #require(
                    try model.features(
                        of: image, slots: 5, pool: ThreadPool(threadCount: 1), isCancelled: { false },
                        progress: { _ in }))
            }
            #expect(try features(image) == features(covered))
            #expect(try features(image) != features(hidden))
        }
    }

    /// With the first picture everything is computed anew by the decoder for pictures, and without one by the other.
    @Test func theDecoderChangesWithTheFirstPictureAndTheLast() throws {
        try EmuchatNanoFiles().write { path, _ in
            let model = try load(path)
            let pool = ThreadPool(threadCount: 1)
            let encoder = PictureEncoder(
                model: try #require(model.visual), precision: .exact, pool: pool, store: nil,
                weightsDigest: model.encoderDigest)
            let session = try DecoderSession(model: model, pool: pool)
            func ask(_ parts: [PromptPart], in session: DecoderSession) throws -> (reused: Int, logits: [Float]) {
                let built = model.promptBuilder.build(
                    Prompt(messages: [PromptMessage(role: .user, parts: parts)], layout: .raw))
                var pictures: [PictureKey: PictureEmbedding] = [:]
                for case .image(_, let image, let slots, _) in built.elements {
                    let key = PictureKey(content: image.digest, slots: slots)
                    pictures[key] = try encoder.embedding(of: image, key: key)
                }
                let reused = session.reuse(for: built.items)
                #expect(session.append(built.items[reused...], pictures: pictures))
                return (reused, Array(session.logits))
            }
            func alone(_ parts: [PromptPart]) throws -> [Float] {
                try ask(parts, in: DecoderSession(model: model, pool: pool)).logits
            }
            let (text, first, second) = (
                PromptPart.text("abc"), PromptPart.image(try Self.picture(1)), PromptPart.image(try Self.picture(2))
            )
            let turns: [(parts: [PromptPart], reuses: Bool)] = [
                ([text], false), ([text, .text("de")], true), ([text, first], false),
                ([text, first, second, .text("f")], true), ([text, first, .text("g")], true), ([text], false),
            ]
            for (parts, reuses) in turns {
                let (reused, logits) = try ask(parts, in: session)
                #expect((reused > 0) == reuses)
                #expect(try logits == alone(parts))
            }
            // Each picture counts, and their order does.
            #expect(try alone([first, second]) != alone([second, first]))
            #expect(encoder.encodedCount == 2)
        }
    }

    @Test func textAloneIsTheLanguageModelsOwnAnswer() throws {
        let files = try EmuchatNanoFiles()
        let prompt = Prompt(messages: [PromptMessage(role: .user, text: "abc")], layout: .raw)
        try files.write { path, parts in
            let model = try load(path)
            let alone = try LoadedModel(
                path: "\(parts)/decoder.gguf",
                options: ModelOptions(contextLength: 64, threadCount: 1, precision: .exact))
            let (session, other) = (try DecoderSession(model: model), try DecoderSession(model: alone))
            let items = model.promptBuilder.build(prompt).items
            #expect(session.append(items[...]) && other.append(items[...]))
            #expect(Array(session.logits) == Array(other.logits))
        }
    }

    // MARK: Files

    @Test func partsAreLookedForBesideItAndInTheFolders() throws {
        let files = try EmuchatNanoFiles()
        try files.write { path, _ in
            let model = try load(path)
            #expect(model.description.seesImages && model.description.epithet == "small built-in model")
            #expect(model.description.architecture == "emuchat-nano" && model.description.name == "emuchat-nano")
            #expect(model.defaultOptions == .greedy)
            #expect(model.promptBuilder.visualTokens?.imageToken == 3 && model.description.mediaCost.image == 5)
        }
        try files.write(partsApart: true) { path, parts in
            let model = try load(path, folders: [parts])
            #expect(model.description.seesImages)
            let error = #expect(throws: InferenceError.self) { try load(path) }
            let text = error?.description ?? ""
            #expect(text.contains(path) && text.contains("decoder.gguf") && text.contains("make run"), "\(text)")
        }
    }

    @Test func whatAFileOfThisModelCannotSayIsNamed() throws {
        let cases: [(key: String, value: GGUFBuilder.Value?, named: String)] = [
            ("contract", nil, "emuchat-nano.contract"), ("contract", .uint32(1), "emuchat-nano.contract"),
            ("vision.file", nil, "emuchat-nano.vision.file"), ("vision.file", .uint32(3), "emuchat-nano.vision.file"),
            ("decoder.file", .string("../decoder.gguf"), "emuchat-nano.decoder.file"),
            ("decoder.file", .string("/etc/passwd"), "emuchat-nano.decoder.file"),
            ("decoder.file", .string("passwd"), "emuchat-nano.decoder.file"),
            ("decoder.file", .string("none.gguf"), "none.gguf"),
            ("vision.file", .string("decoder.gguf"), "blk.0."),
            ("adapter.rank", nil, "emuchat-nano.adapter.rank"),
            ("adapter.rank", .uint32(0), "emuchat-nano.adapter.rank"),
            ("adapter.rank", .uint64(1 << 40), "emuchat-nano.adapter.rank"),
            ("adapter.rank", .uint32(2000), "emuchat-nano.adapter.rank"),
            ("adapter.rank", .uint32(3), "blk.0.attn_q.lora_a"),
            ("adapter.alpha", .float32(.nan), "emuchat-nano.adapter.alpha"),
            ("adapter.alpha", .float32(-1), "emuchat-nano.adapter.alpha"),
            ("picture_tokens", .uint32(50), "emuchat-nano.picture_tokens"), ("names", nil, "emuchat-nano.names"),
            ("names", .uint64(1 << 40), "emuchat-nano.names"), ("names", .uint32(8), "mm.memory.key.weight"),
            ("norm_epsilon", .float32(2), "emuchat-nano.norm_epsilon"),
        ]
        for item in cases {
            var files = try EmuchatNanoFiles()
            files.set(item.key, item.value)
            try expectRefusal(files, naming: item.named)
        }
    }

    @Test func missingMisshapenAndStrangeWeightsAreNamed() throws {
        let whole = try EmuchatNanoFiles()
        for (index, tensor) in whole.own.tensors.enumerated() {
            var broken = whole
            broken.own.tensors.remove(at: index)
            try expectRefusal(broken, naming: tensor.name)
            broken.own.add(tensor.name, shape: [1], floats: [1])
            try expectRefusal(broken, naming: tensor.name)
        }
        for name in ["blk.2.attn_q.lora_a", "blk.0.attn_norm.lora_a", "mm.other"] {
            var strange = whole
            strange.own.add(name, shape: [2], floats: [1, 1])
            try expectRefusal(strange, naming: name)
        }
        var twice = whole
        twice.own.add("v.class_embd", shape: [32], floats: [Float](repeating: 1, count: 32))
        try expectRefusal(twice, naming: "v.class_embd")
    }

    @Test func weightsThatAreNoNumbersAreNamed() throws {
        let whole = try EmuchatNanoFiles()
        for (index, tensor) in whole.own.tensors.enumerated() {
            var values = try whole.values(tensor.name)
            values[values.count - 1] = index.isMultiple(of: 2) ? .nan : -.infinity
            var strange = whole
            strange.own.tensors.remove(at: index)
            strange.own.add(tensor.name, shape: tensor.shape, floats: values)
            try expectRefusal(strange, naming: tensor.name)
        }
    }

    private func expectRefusal(_ files: EmuchatNanoFiles, naming name: String) throws {
        try files.write { path, _ in
            let error = #expect(throws: InferenceError.self, "\(name)") { try load(path) }
            let text = error?.description ?? ""
            #expect(text.contains(name), "\(name): \(text)")
        }
    }
}

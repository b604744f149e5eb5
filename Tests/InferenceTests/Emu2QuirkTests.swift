// What is particular to Emu2 and easily lost, and the test that fails without it:
//
// - Norms behind the branches, none behind the last block: `Emu2Tests.theEncoderIsWhatItsEquationsSay`,
//   `EvaFormsTests.agreesWithTimm`.
// - The fused weight is queries, keys, values, and keys have no bias: the same, and `EvaFormsTests.keysHaveNoBias`.
// - White space around special tokens goes, and the text behind begins with a space:
//   `Emu2Prompts.textsWithSpecialTokens`.
// - Frames have fewer places than pictures, and another id: `Emu2Prompts.framesOfAClipHaveFewerPlacesAndAnotherId`,
//   `Emu2Tests.aFrameIsEncodedToItsOwnNumberOfPlaces`, `thePublishedSizesDifferInPlacesAndRoles`.
// - `[/VIDEO]` is no text, and `[VIDEO]` begins a clip only by itself: `Emu2Prompts.framesOfAClip…`.
// - The begin token counts in a beam's length: `BeamSearchTests.answersAreTheReferences`.
// - The makers' functions and their demo differ: `GenerationPresets.bothSettingsOfEmu2HaveNames`.
// - A blank picture, not a black one, is what drawing a picture again is led away from:
//   `BenchTests.emu2AgreesWhereTheBaseModelAnswers`.
// - Positions stay exact, and go no further than the model was trained for: `positionsTurnExactly`,
//   `contextsBeyondTrainingAreRefused`.
// - What a user types is never a special token: `Emu2Prompts.whatAUserTypesIsNeverASpecialToken`.
// - One frame is a clip, and a clip has no more frames than it has:
//   `VideoDecoderTests.framesAreTheMiddlesOfEqualParts`.
// - Boxes are lost unless special tokens are spelt: `Emu2Prompts.boxesAreSpeltOutOnlyWhenAskedFor`,
//   `anAnswerSpellsControlsOnlyWhenAskedForBoxes`.
// - The base model has no roles: `Emu2Prompts.theBaseModelHasNoRoles`, `thePublishedSizesDifferInPlacesAndRoles`.
// - Transparency is dropped: `StillDecoderTests.modelsSeeHiddenColours`,
//   `PictureShelfTests.whatTheModelSeesHasHiddenColours`.

import Foundation
import Generation
import Inference
import Models
import Tensor
import TestSupport
import Testing

@Suite struct Emu2QuirkTests {
    /// bf16 has no 2047; the original's longer sequences lose their positions that way.
    @Test(arguments: [257, 2047]) func positionsTurnExactly(position: Int) throws {
        let embedding = RotaryEmbedding(rotatedFeatures: 8, base: 10000, layout: .halfSplit)
        let angles = RotaryAngles(
            positions: [position], inverseFrequencies: embedding.inverseFrequencies, layout: .halfSplit)
        let head = try #require(FloatBuffer(count: 8))
        for feature in 0..<8 { head.pointer[feature] = feature < 4 ? 1 : 0 }
        Kernels.rotate(head.pointer, rows: 1, heads: 1, headSize: 8, angles: angles, pool: ThreadPool(threadCount: 1))
        for pair in 0..<4 {
            let angle = Double(position) * pow(10000, -Double(pair) / 4)
            #expect(abs(Double(head.pointer[pair]) - cos(angle)) < 1e-6)
            #expect(abs(Double(head.pointer[pair + 4]) - sin(angle)) < 1e-6)
        }
    }

    @Test func contextsBeyondTrainingAreRefused() throws {
        try TinyModel.emu2().builder().withFile { path in
            let trained = try LoadedModel(path: path).description.contextLength
            #expect(throws: InferenceError.invalidContext(asked: trained + 1, trained: trained)) {
                try LoadedModel(path: path, options: ModelOptions(contextLength: trained + 1))
            }
        }
    }

    @Test func thePublishedSizesDifferInPlacesAndRoles() {
        let chat = Emu2Parameters.published(vocabulary: Emu2Parameters.chatVocabulary)
        let base = Emu2Parameters.published(vocabulary: Emu2Parameters.baseVocabulary)
        #expect(chat.imageTokens == 256 && chat.frameTokens == 64 && chat.isChat)
        #expect(base.imageTokens == 64 && base.frameTokens == 64 && !base.isChat)
        #expect(Emu2Parameters.addedTokens.count == 274)
        #expect(Emu2Parameters.addedTokens.suffix(2) == ["[USER]", "[ASSISTANT]"])
    }

    @Test(arguments: [true, false]) func anAnswerSpellsControlsOnlyWhenAskedForBoxes(asks: Bool) async throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("emu2.gguf")
        try Data(TinyModel.emu2().builder().build()).write(to: file)
        let engine = try InferenceEngine(model: LoadedModel(path: file.path))
        var spelt = ""
        var ids = Set<Int32>()
        // Answers of chance, of which some have tokens for boxes among them.
        for seed in 0..<8 as Range<UInt64> {
            let prompt = Prompt(messages: [PromptMessage(role: .user, text: "where")], asksForBoxes: asks)
            let options = GenerationOptions(maximumTokens: 12, temperature: 1.5, seed: seed)
            for await event in engine.generate(prompt, options: options).events {
                if case .token(let token) = event {
                    ids.insert(token.id)
                    spelt += token.text
                }
                if case .finished(let summary) = event { spelt += summary.remainingText }
            }
        }
        // The vocabulary's control tokens come last, and nothing else has brackets.
        #expect(ids.contains { $0 >= 34 })
        #expect(spelt.contains { "[<".contains($0) } == asks, "\(spelt)")
    }
}

import Generation
import Testing

@Suite struct GenerationPresets {
    /// The official functions and their demo differ in little, and their answers in everything.
    @Test func bothSettingsOfEmu2HaveNames() throws {
        let (long, short) = (
            try #require(GenerationPreset.named("long")), try #require(GenerationPreset.named("short"))
        )
        #expect((long.options.maximumTokens, long.options.lengthPenalty) == (512, 2))
        #expect((short.options.maximumTokens, short.options.lengthPenalty) == (10, -1))
        for preset in [long, short] {
            #expect(preset.options.beamCount == 5 && preset.options.temperature == 0)
            #expect(preset.options.repetitionPenalty == 1)
            try preset.options.validate()
        }
        #expect(GenerationPreset.named("greedy")?.options == .greedy)
        #expect(GenerationPreset.named("other") == nil)
        #expect(Set(GenerationPreset.all.map(\.name)).count == GenerationPreset.all.count)
    }
}

/// Options that belong together, under a name to choose them by.
package struct GenerationPreset: Sendable, Equatable {
    package let name: String
    /// What it is good for, in a few words.
    package let summary: String
    package let options: GenerationOptions

    /// Emu2's official demo: five beams, long answers preferred. Source: the
    /// values that the form of the demo begins with.
    package static let long = GenerationPreset(
        name: "long", summary: "5 beams, up to 512 tokens, long answers preferred: Emu2's demo",
        options: GenerationOptions(
            maximumTokens: 512, temperature: 0, topP: 1, beamCount: 5, lengthPenalty: 2))

    /// The defaults of Emu2's own functions: five beams, a few words. Source: `emu.py` and `chat.py`.
    package static let short = GenerationPreset(
        name: "short", summary: "5 beams, up to 10 tokens, short answers preferred: Emu2's functions",
        options: GenerationOptions(
            maximumTokens: 10, temperature: 0, topP: 1, beamCount: 5, lengthPenalty: -1))

    /// The most probable token at every step.
    package static let greedy = GenerationPreset(
        name: "greedy", summary: "the most probable token at every step", options: .greedy)

    /// What an answer with pictures begins with: beams would each draw their own. Source: the values beside the beams in
    /// the form of Emu2's official demo.
    package static let interleaved = GenerationPreset(
        name: "interleaved", summary: "no beams, up to 512 tokens, varied: for answers with pictures",
        options: GenerationOptions(maximumTokens: 512, temperature: 0.7, topP: 0.9))

    package static let all = [long, short, greedy, interleaved]

    /// The preset of a name.
    package static func named(_ name: String) -> GenerationPreset? { all.first { $0.name == name } }
}

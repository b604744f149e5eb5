import Generation

/// A sampling option as `/set` shows and changes it.
struct SamplingSetting: Sendable {
    /// As on the command line, without dashes.
    let name: String
    let summary: String
    /// The values it takes, for people.
    let range: String
    let show: @Sendable (GenerationOptions) -> String
    /// False when the text is no value of the option.
    let change: @Sendable (inout GenerationOptions, String) -> Bool

    static let all: [SamplingSetting] = [
        number("temperature", "0 always takes the most probable token", "0 to 100", \.temperature) {
            $0 >= 0 && $0 <= 100
        },
        whole("top-k", "the k most probable tokens; 0 is all", "0 or more", \.topK) { $0 >= 0 },
        number("top-p", "the best tokens that together hold this share", "above 0, up to 1", \.topP) {
            $0 > 0 && $0 <= 1
        },
        number("min-p", "no tokens below this share of the best one's", "0 or more, below 1", \.minP) {
            $0 >= 0 && $0 < 1
        },
        number("repetition-penalty", "1 changes nothing", "above 0, up to 100", \.repetitionPenalty) {
            $0 > 0 && $0 <= 100
        },
        whole("beams", "beams of the search; 1 is none", "1 to 64", \.beamCount) { $0 >= 1 && $0 <= 64 },
        number("length-penalty", "exponent of the length in beam search", "-100 to 100", \.lengthPenalty) {
            abs($0) <= 100
        },
        SamplingSetting(
            name: "seed", summary: "the same seed gives the same answer", range: "a whole number, or `random`",
            show: { $0.seed.map(String.init) ?? "random" },
            change: { options, text in
                if text == "random" {
                    options.seed = nil
                    return true
                }
                guard let seed = UInt64(text) else { return false }
                options.seed = seed
                return true
            }),
        SamplingSetting(
            name: "max-tokens", summary: "most tokens of an answer", range: "1 or more, or `none`",
            show: { $0.maximumTokens.map(String.init) ?? "none" },
            change: { options, text in
                if text == "none" {
                    options.maximumTokens = nil
                    return true
                }
                guard let count = Int(text), count >= 1 else { return false }
                options.maximumTokens = count
                return true
            }),
        SamplingSetting(
            name: "stop", summary: "the answer ends before this text", range: "any text, or `none`",
            show: { $0.stopStrings.isEmpty ? "none" : $0.stopStrings.joined(separator: " | ") },
            change: { options, text in
                options.stopStrings = text == "none" ? [] : [text]
                return true
            }),
        SamplingSetting(
            name: "interleaved", summary: "most pictures that an answer draws among its words, from the paper",
            range: "`on`, `off`, or 1 to \(AnswerPictures.greatestCount)",
            show: { $0.pictures.areWanted ? String($0.pictures.most) : "off" },
            change: { options, text in
                let most: Int? = text == "on" ? AnswerPictures.usualCount : text == "off" ? 0 : Int(text)
                guard let most, (0...AnswerPictures.greatestCount).contains(most) else { return false }
                // Beams would each draw pictures of their own.
                if most > 0, options.beamCount > 1 {
                    let preset = GenerationPreset.interleaved.options
                    (options.beamCount, options.maximumTokens) = (1, preset.maximumTokens)
                    (options.temperature, options.topP) = (preset.temperature, preset.topP)
                }
                options.pictures.most = most
                return true
            }),
        SamplingSetting(
            name: "picture-size", summary: "of these pictures", range: "pixels, such as 512 or 768x512",
            show: { "\($0.pictures.width)x\($0.pictures.height)" },
            change: { options, text in
                guard let (width, height) = DrawingOptions.size(text), width > 0, height > 0 else { return false }
                (options.pictures.width, options.pictures.height) = (width, height)
                return true
            }),
        SamplingSetting(
            name: "picture-steps", summary: "from noise to each of these pictures", range: "1 or more",
            show: { String($0.pictures.steps) },
            change: { options, text in
                guard let steps = Int(text), (1...100_000).contains(steps) else { return false }
                options.pictures.steps = steps
                return true
            }),
        SamplingSetting(
            name: "picture-guidance", summary: "how closely they follow what the model meant",
            range: "0 to \(Int(DrawingLimits.greatestGuidance))",
            show: { FigureText.plain(Double($0.pictures.guidance)) },
            change: { options, text in
                guard let guidance = Float(text), (0...DrawingLimits.greatestGuidance).contains(guidance) else {
                    return false
                }
                options.pictures.guidance = guidance
                return true
            }),
    ]

    static func named(_ name: String) -> SamplingSetting? {
        all.first { $0.name == name }
    }

    private static func number(
        _ name: String, _ summary: String, _ range: String,
        _ path: WritableKeyPath<GenerationOptions, Double> & Sendable, isValid: @escaping @Sendable (Double) -> Bool
    ) -> SamplingSetting {
        SamplingSetting(
            name: name, summary: summary, range: range, show: { FigureText.plain($0[keyPath: path]) },
            change: { options, text in
                guard let value = Double(text), value.isFinite, isValid(value) else { return false }
                options[keyPath: path] = value
                return true
            })
    }

    private static func whole(
        _ name: String, _ summary: String, _ range: String,
        _ path: WritableKeyPath<GenerationOptions, Int> & Sendable, isValid: @escaping @Sendable (Int) -> Bool
    ) -> SamplingSetting {
        SamplingSetting(
            name: name, summary: summary, range: range, show: { String($0[keyPath: path]) },
            change: { options, text in
                guard let value = Int(text), isValid(value) else { return false }
                options[keyPath: path] = value
                return true
            })
    }
}

/// The options of `/set` by name, for those who read them from a file.
package enum SamplingOption {
    package static var names: [String] { SamplingSetting.all.map(\.name) }

    /// The values that an option takes, for people.
    package static func range(_ name: String) -> String { SamplingSetting.named(name)?.range ?? "" }

    /// An option's value as `change` takes it; empty when there is none of that name.
    package static func text(_ name: String, of options: GenerationOptions) -> String {
        SamplingSetting.named(name)?.show(options) ?? ""
    }

    /// Changes an option; false when there is none of that name, or the text is no value of it.
    package static func change(_ name: String, to text: String, in options: inout GenerationOptions) -> Bool {
        SamplingSetting.named(name)?.change(&options, text) ?? false
    }
}

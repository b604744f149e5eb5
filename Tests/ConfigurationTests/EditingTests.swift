import ChatUI
import Configuration
import Generation
import Testing

@Suite struct ConfigurationEditingTests {
    private func options(_ change: (inout GenerationOptions) -> Void) -> GenerationOptions {
        var options = GenerationOptions()
        change(&options)
        return options
    }

    @Test func everyOptionIsWrittenAndReadBack() throws {
        let wanted = GenerationOptions(
            maximumTokens: 100, temperature: 0.7, topK: 40, topP: 0.5, minP: 0.05, repetitionPenalty: 1.1, beamCount: 4,
            lengthPenalty: -1, seed: 7, stopStrings: ["a \"b\"\\\t\u{1}"])
        let text = try Configuration.text("", replacing: wanted, path: "c")
        #expect(try Configuration(text: text, path: "c").options == wanted)
        #expect(text.hasPrefix("[options]\ntemperature = 0.7\ntop-k = 40\n"))
    }

    @Test func everythingElseStaysAsItIsWritten() throws {
        let before = """
            # mine
            theme = "dark"   # at night

            [options]
            # not too wild
            temperature = 0.9
              top-k=3
            """
        let text = try Configuration.text(before, replacing: options { $0.topP = 0.5 }, path: "c")
        #expect(
            text == """
                # mine
                theme = "dark"   # at night

                [options]
                top-p = 0.5
                # not too wild

                """)
        #expect(try Configuration.text(text, replacing: options { $0.topP = 0.5 }, path: "c") == text)
    }

    @Test func usualOptionsNeedNoTable() throws {
        #expect(try Configuration.text("", replacing: GenerationOptions(), path: "c") == "")
        #expect(
            try Configuration.text("theme = \"dark\"\n", replacing: options { $0.seed = .max }, path: "c")
                == "theme = \"dark\"\n\n[options]\nseed = \"18446744073709551615\"\n")
    }

    @Test func whatCannotBeChangedIsTold() {
        #expect(throws: ConfigurationError.cannotEdit(path: "c", key: "options")) {
            try Configuration.text("options = { top-k = 3 }\n", replacing: GenerationOptions(), path: "c")
        }
        #expect(throws: ConfigurationError.cannotEdit(path: "c", key: "options")) {
            try Configuration.text("", replacing: options { $0.stopStrings = ["a", "b"] }, path: "c")
        }
        #expect(throws: ConfigurationError.self) {
            try Configuration.text("nonsense = 1\n", replacing: GenerationOptions(), path: "c")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// A model that is larger than the memory: a small one at the beginning of a file of 4 TiB that takes no room. In exact
/// precision, where the whole file counts.
@Suite struct MemoryRefusalTests {
    private let runner: ProgramRunner
    private let huge: String

    init() throws {
        runner = try ProgramRunner()
        huge = try runner.file("huge.gguf", Data(contentsOf: URL(fileURLWithPath: ProgramRunner.tinyModel)))
        try FileHandle(forWritingTo: URL(fileURLWithPath: huge)).truncate(atOffset: 4 << 40)
    }

    private func expectRefusal(_ text: String) {
        for part in ["huge.gguf", "needs 4096.0 GiB", "are free", "What fits: ", "--ignore-memory"] {
            #expect(text.contains(part), "\(part) in: \(text)")
        }
    }

    @Test func askRefusesInOneLineAndGoesOnWhenTold() throws {
        let refused = try runner.emuchat("ask", "--model", huge, "--precision", "exact", "--max-tokens", "1", "otter")
        #expect(refused.status == 1 && refused.output.isEmpty && refused.errorLines.count == 1)
        expectRefusal(refused.errorText)
        let answered = try runner.emuchat(
            "ask", "--model", huge, "--precision", "exact", "--max-tokens", "1", "--ignore-memory", "otter")
        #expect(answered.status == 0 && answered.errorText.isEmpty)
    }

    @Test func theChatSaysWhyItDoesNotLoadTheModel() throws {
        let plain = try runner.emuchat("--plain", "--model", huge, "--precision", "exact", input: Data("otter\n".utf8))
        #expect(plain.status == 1)
        expectRefusal((plain.text + plain.errorText).replacing("\n", with: " "))
    }

    @Test func theModelIsTold() throws {
        let told = try runner.emuchat("model", huge, "--beams", "3", "--precision", "fast", "--context", "64")
        #expect(told.status == 0 && told.text.contains("for 3 beams"))
        let whole = try runner.emuchat("model", huge, "--precision", "exact")
        #expect(whole.text.contains("it does not fit") && whole.text.contains("would fit"))
    }
}

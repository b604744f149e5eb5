import Foundation
import ModelFiles
import TestSupport
import Testing

/// `emuchat convert` and `bench synth` as a user types them.
@Suite(.serialized) struct ConvertTests {
    private let runner: ProgramRunner

    init() throws { runner = try ProgramRunner() }

    private func path(_ name: String) -> String { runner.folder.appendingPathComponent(name).path }

    /// A small checkpoint with random weights.
    private func checkpoint() throws -> String {
        let result = try runner.bench(
            "synth", "--shape", "emu2-tiny", "--type", "f32", "--format", "checkpoint", "-o", path("source"))
        try #require(result.status == 0, "\(result.errorText)")
        return path("source")
    }

    @Test func aCheckpointBecomesOneFile() throws {
        let source = try checkpoint()
        let result = try runner.emuchat("convert", source, "--type", "q8_0", "-o", path("a.gguf"))
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.text.contains("written   \(path("a.gguf"))"))
        #expect(result.text.contains("as F16    v.patch_embd.weight: rows of 14 are no whole blocks"))
        #expect(result.errorText.contains("non-commercial"))
        let file = try GGUFFile(path: path("a.gguf"))
        #expect(try file.tensor("output.weight").type == .q8_0)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: runner.folder.path).filter { $0.contains("part") } == []
        )
        for model in [source, path("a.gguf")] {
            let told = try runner.emuchat("model", model)
            #expect(told.status == 0, "\(told.errorText)")
            #expect(told.text.contains("emu2") && told.text.contains("terms         Emu2's weights derive"))
            #expect(told.text.contains("LLaMA 1, non-commercial"))
        }
    }

    @Test func tensorsThatAreLikeAreListedTogether() throws {
        let result = try runner.emuchat("convert", try checkpoint(), "--type", "q4_k", "-o", path("a.gguf"))
        #expect(result.status == 0, "\(result.errorText)")
        let lines = result.text.split(separator: "\n").map(String.init)
        #expect(lines.contains("as F16    blk.*.attn_q.weight: rows of 64 are no whole blocks, 2 tensors"))
        #expect(lines.contains("as F16    output.weight: rows of 64 are no whole blocks"))
    }

    @Test func whatIsNoCheckpointIsRefusedInOneLine() throws {
        for (source, words) in [
            (ProgramRunner.tinyModel, "is a GGUF file already"), (path("none"), "cannot be opened"),
            (runner.folder.path, "a folder without a checkpoint"),
            (try runner.file("a.txt", "hello"), "it seems to be text"),
        ] {
            let result = try runner.emuchat("convert", source, "--type", "f16", "-o", path("a.gguf"))
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errorLines.count == 1 && result.errorText.contains(words), "\(result.errorText)")
            #expect(!FileManager.default.fileExists(atPath: path("a.gguf")))
        }
    }

    @Test func wrongUsageIsStatusTwo() throws {
        for arguments in [
            ["convert", "x", "--type", "q3", "-o", "y"], ["convert", "x", "-o", "y"],
            ["convert", "x", "--type", "f16"],
            ["convert", "x", "--type", "f16", "-o", "y", "--threads", "0"],
        ] {
            #expect(try runner.start("emuchat", arguments).finish().status == 2)
        }
        for arguments in [
            ["synth", "--shape", "gpt", "-o", "y"], ["synth", "--shape", "emu2", "--type", "q9", "-o", "y"],
            ["synth", "--shape", "llama-1.1b", "--format", "checkpoint", "--type", "f16", "-o", "y"],
            ["synth", "--shape", "emu2", "--layers", "0", "-o", "y"],
        ] {
            #expect(try runner.start("bench", arguments).finish().status == 2)
        }
    }

    @Test func weightsAloneAreToldWhereTheirConfigurationLies() throws {
        let source = try checkpoint()
        let shard = source + "/model-00001-of-00001.safetensors"
        try FileManager.default.moveItem(atPath: shard, toPath: path("alone.safetensors"))
        let alone = try runner.emuchat("convert", path("alone.safetensors"), "--type", "f16", "-o", path("a.gguf"))
        #expect(alone.status == 1)
        #expect(alone.errorText.contains("visual.cls_token") && alone.errorText.contains("--configuration"))
        let told = try runner.emuchat(
            "convert", path("alone.safetensors"), "--configuration", source, "--type", "f16", "-o", path("a.gguf"))
        #expect(told.status == 0, "\(told.errorText)")
    }

    @Test func synthReportsWhatItWrote() throws {
        let result = try runner.bench(
            "synth", "--shape", "emu2-tiny", "--type", "q4_0", "--seed", "5", "-o", path("a.gguf"))
        #expect(result.status == 0, "\(result.errorText)")
        let report = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let attributes = try FileManager.default.attributesOfItem(atPath: path("a.gguf"))
        #expect(report["bytes"] as? Int == attributes[.size] as? Int)
        #expect(report["seed"] as? Int == 5 && report["type"] as? String == "q4_0")
    }
}

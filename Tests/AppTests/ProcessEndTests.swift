import Foundation
import TestSupport
import Testing

/// How the programs end.
@Suite struct ProcessEndTests {
    private static let commands: [([String], Int32)] = [
        (["--version"], 0), (["--nonsense"], 2), (["ask", "--model", "gone.gguf", "Hello"], 1),
        (["--plain", "--model", ProgramRunner.tinyModel], 0),
    ]

    /// A library that is taken down below a thread that still uses it crashes, now and then; so none is taken down,
    /// however a command ends. The loader itself tells.
    @Test(arguments: commands)
    func noLibraryIsTakenDown(_ arguments: [String], _ status: Int32) throws {
        let runner = try ProgramRunner()
        let record = runner.folder.appendingPathComponent("loader")
        let result = try runner.start(
            "emuchat", arguments, environment: ["LD_DEBUG": "files", "LD_DEBUG_OUTPUT": record.path]
        ).finish()
        #expect(result.status == status, "\(result.errorText)")
        // The loader adds the process's number to the name.
        let names = try FileManager.default.contentsOfDirectory(atPath: runner.folder.path)
        let name = try #require(names.first { $0.hasPrefix("loader.") })
        let told = try String(contentsOf: runner.folder.appendingPathComponent(name), encoding: .utf8)
        #expect(told.contains(/calling init: .*libcrypto/))
        #expect(!told.contains(/calling fini: .*libcrypto/))
    }

    /// Leaving while the model is being read.
    @Test func leavingEarlyIsLeaving() throws {
        let runner = try ProgramRunner()
        for _ in 0..<40 {
            let result = try runner.emuchat("--plain", "--model", ProgramRunner.tinyModel, input: Data("/set\n".utf8))
            #expect(result.status == 0, "\(result.errorText)")
        }
    }
}

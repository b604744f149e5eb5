import Foundation
import TestSupport
import Testing

/// The real driver in a pseudo-terminal, read back by an emulator that others have written.
@Suite struct EmulatorTests {
    /// A Python that has pyte: the one that EMUCHAT_PYTHON names, or the system's.
    private static let python: String? = [
        ProcessInfo.processInfo.environment["EMUCHAT_PYTHON"], "/usr/bin/python3", "/usr/local/bin/python3",
    ].compactMap { $0 }.first { path in
        FileManager.default.isExecutableFile(atPath: path) && (try? run(path, ["-c", "import pyte"]))?.status == 0
    }

    /// Sessions: `make check` asks for 200.
    private static let sessions = ProcessInfo.processInfo.environment["EMUCHAT_SESSIONS"].flatMap { Int($0) } ?? 4

    @Test(.enabled(if: python != nil, "no python3 with PyPI's pyte: name one by EMUCHAT_PYTHON"))
    func theEmulatorHoldsWhatViewReturned() throws {
        let python = try #require(Self.python)
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let own = bundle ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let probe = own.deletingLastPathComponent().appendingPathComponent("terminal-probe").path
        let script = TestSupport.projectRoot.appendingPathComponent("Tests/TerminalTests/Reference/emulate.py").path
        let result = try Self.run(python, [script, probe, "\(Self.sessions)", "1"])
        #expect(result.status == 0, "\(result.text)")
        #expect(result.text.contains("\(Self.sessions) sessions"), "\(result.text)")
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}

import ArgumentParser
import Chat
import Foundation

/// `bench sessions`: how fast sessions are opened, saved and searched, as JSON.
struct SessionsBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Measure how fast sessions are opened, saved and searched.")

    @Option(help: ArgumentHelp("Messages of the long session.", valueName: "n"))
    var messages = 10_000

    @Option(help: ArgumentHelp("Sessions that are searched.", valueName: "n"))
    var sessions = 1000

    @Option(help: ArgumentHelp("Runs, of which the medians are printed.", valueName: "n"))
    var runs = 9

    func validate() throws {
        if !(2...1_000_000).contains(messages) || !(1...100_000).contains(sessions) || !(1...10_000).contains(runs) {
            throw ValidationError(
                "--messages must be 2 to 1000000, --sessions 1 to 100000, --runs 1 to 10000.")
        }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("emuchat-bench-\(ProcessInfo.processInfo.globallyUniqueString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let figures = try withSessionErrors { () throws(SessionError) in
            try SessionBenchmark(folder: folder.path).figures(messages: messages, sessions: sessions, runs: runs)
        }
        try StandardOutput.writeJSON(figures)
    }
}

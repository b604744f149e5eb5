import Chat
import Foundation
import TestSupport
import Testing

/// A real process that changes a session is killed at some moment: nothing that it had told may be lost.
@Suite(.serialized) struct CrashSafetyTests {
    /// How many processes are killed: `EMUCHAT_KILLS`, or what is quick enough for every run.
    private static let kills = ProcessInfo.processInfo.environment["EMUCHAT_KILLS"].flatMap { Int($0) } ?? 24

    /// What a child told before it ended.
    private struct Told {
        var last: (what: String, number: Int, time: Int)?
        /// When each token of the running answer was told, in microseconds.
        var tokens: [Int] = []
        var saved = 0

        init(_ output: String) {
            // A last line without its end was not told.
            for line in output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                let words = line.split(separator: " ")
                guard words.count == 3, let number = Int(words[1]), let time = Int(words[2]) else { continue }
                last = (String(words[0]), number, time)
                switch words[0] {
                case "token":
                    if number == 1 { tokens = [] }
                    tokens.append(time)
                case "saved", "opened": saved = max(saved, number)
                default: break
                }
            }
        }
    }

    @Test func nothingThatWasToldIsLostWhileAnswersStream() throws {
        var random = SeededGenerator(seed: 41)
        var worstLoss = 0
        var cutOff = 0
        var runner = try ProgramRunner()
        for kill in 0..<Self.kills {
            if kill % 40 == 0 { runner = try ProgramRunner() }
            let told = try run("stream", runner, &random)
            guard let writer = try reopen(runner, expecting: ["talk"]) else { continue }
            if !writer.recoveries.isEmpty { cutOff += 1 }
            let answer = writer.session.messages.last { $0.answer != nil }?.answer
            // When an answer was complete, the next one may have begun.
            guard told.last?.what == "token", let answer else { continue }
            let kept = min(answer.tokenIDs.count, told.tokens.count)
            if kept < told.tokens.count, let end = told.tokens.last {
                worstLoss = max(worstLoss, end - (kept > 0 ? told.tokens[kept - 1] : told.tokens[0]))
            }
        }
        print(
            "\(Self.kills) processes killed while streaming, \(cutOff) in the middle of an answer: "
                + "at most \(Double(worstLoss) / 1000) ms of what was told was lost")
        #expect(worstLoss < 250_000)
        #expect(cutOff > Self.kills / 4)
    }

    @Test func savingFoldingAndRenamingSurviveToo() throws {
        var random = SeededGenerator(seed: 43)
        var (names, reached) = (Set<String>(), 0)
        var runner = try ProgramRunner()
        for kill in 0..<Self.kills {
            // Small, then so large that turns stay in the journal.
            if kill % 20 == 0 {
                runner = try ProgramRunner()
                var session = Session(created: .now())
                let text = kill % 40 == 0 ? "short" : String(repeating: "long ", count: 20_000)
                session.append(role: .user, parts: [.text(text)], at: .now())
                _ = try store(runner).create(named: "one", session)
            }
            let told = try run("write", runner, &random)
            let session = try #require(try reopen(runner, expecting: ["one", "two"])).session
            #expect(session.messages.count >= told.saved, "told \(told.saved), kept \(session.messages.count)")
            reached = max(reached, told.saved)
            names.formUnion(try store(runner).names())
        }
        print(
            "\(Self.kills) processes killed while saving, folding and renaming: "
                + "sessions of up to \(reached) messages, none lost")
        #expect(reached > 10 && names.isSuperset(of: ["one"]))
    }

    private func store(_ runner: ProgramRunner) -> SessionStore {
        SessionStore(folder: runner.folder.appendingPathComponent("sessions").path)
    }

    /// Starts a child, kills it after up to a quarter of a second of its work, and returns what it told.
    private func run(_ mode: String, _ runner: ProgramRunner, _ random: inout SeededGenerator) throws -> Told {
        // Without the backtracer, which a program that is killed while it starts leaves behind for ever.
        let child = try runner.start(
            "SessionCrashChild", [store(runner).folder, "talk", ProgramRunner.tinyModel, mode],
            environment: ["SWIFT_BACKTRACE": "enable=no"])
        // Some die before they have done anything.
        if Int.random(in: 0..<8, using: &random) > 0 { try child.waitForOutput() }
        usleep(UInt32.random(in: 0..<120_000, using: &random))
        child.send(SIGKILL)
        let result = try child.finish()
        #expect(result.status == 128 + SIGKILL, "\(result.errorText)")
        return Told(result.text)
    }

    /// Opens the one session that is there, which folds its journal; nil when there is none yet.
    private func reopen(_ runner: ProgramRunner, expecting names: Set<String>) throws -> SessionWriter? {
        let store = store(runner)
        // Made and thrown away by the child now and then.
        let found = try store.names().filter { $0 != "other" }
        guard let name = found.first else { return nil }
        #expect(found.count == 1 && names.contains(name), "\(found)")
        let writer = try store.open(name)
        for recovery in writer.recoveries {
            if case .answer = recovery { continue }
            Issue.record("\(recovery)")
        }
        // What it holds is the session, whoever reads it.
        #expect(try Session(bytes: Array(Data(contentsOf: URL(fileURLWithPath: writer.path)))) == writer.session)
        return writer
    }
}

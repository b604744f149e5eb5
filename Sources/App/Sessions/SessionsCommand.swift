import ArgumentParser
import Chat
import Foundation
import Screen

/// `emuchat sessions`: the conversations that are kept.
struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List, search and look after the conversations that are kept.",
        subcommands: [
            ListCommand.self, ShowCommand.self, SearchCommand.self, RenameCommand.self, DeleteCommand.self,
            ExportCommand.self, ImportCommand.self, CleanCommand.self,
        ],
        defaultSubcommand: ListCommand.self)
}

extension SessionArguments {
    /// Reads a session; what is damaged in its files is told, and the rest is returned.
    func read(_ name: String) throws(CommandError) -> Session {
        do throws(SessionError) {
            let reading = try store.read(name)
            for problem in [reading.fileProblem, reading.journalProblem].compactMap(\.self) {
                StandardError.write(
                    "emuchat: \(name): \(problem). What could be read is shown: "
                        + "\(counted(reading.session.messages.count, "message")).\n")
            }
            return reading.session
        } catch { throw .failed(error.description) }
    }
}

/// A number and its noun, such as `1 turn` or `2 turns`.
func counted(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }

/// Does something to sessions; what goes wrong ends the command with one line.
func withSessionErrors<Value>(_ body: () throws(SessionError) -> Value) throws(CommandError) -> Value {
    do throws(SessionError) {
        return try body()
    } catch { throw .failed(error.description) }
}

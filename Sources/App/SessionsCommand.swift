import ArgumentParser
import Chat
import Foundation
import Generation
import Screen

/// `emuchat sessions`: the conversations that are kept.
struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List and show the conversations that are kept.",
        subcommands: [ListCommand.self, ShowCommand.self],
        defaultSubcommand: ListCommand.self)

    /// `emuchat sessions list`.
    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the conversations, the latest first.")

        @OptionGroup var folders: SessionArguments

        @Flag(help: "Print a JSON array.")
        var json = false

        func run() async throws {
            let entries: [SessionStore.Entry]
            do throws(SessionError) {
                entries = try folders.store.list()
            } catch { throw CommandError.failed(error.description) }
            var summaries = [SessionStore.Summary]()
            for entry in entries {
                switch entry {
                case .session(let summary): summaries.append(summary)
                case .unreadable(_, let error): StandardError.write("emuchat: \(error.description)\n")
                }
            }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                try StandardOutput.write(encoder.encode(summaries.map(Row.init)) + Data("\n".utf8))
            } else {
                for summary in summaries { try StandardOutput.write(Self.line(summary) + "\n") }
            }
        }

        private static func line(_ summary: SessionStore.Summary) -> String {
            let turns = summary.turns == 1 ? "1 turn" : "\(summary.turns) turns"
            let pictures =
                switch summary.pictures {
                case 0: ""
                case 1: ", 1 picture"
                default: ", \(summary.pictures) pictures"
                }
            let title = SanitizedText.clean(summary.title, newlines: .joined)
            return "\(summary.name)\t\(summary.updated)\t\(turns)\(pictures)\t\(title)"
        }

        private struct Row: Encodable {
            let name: String
            let title: String
            let updated: String
            let turns: Int
            let pictures: Int

            init(_ summary: SessionStore.Summary) {
                name = summary.name
                title = summary.title
                updated = summary.updated.description
                turns = summary.turns
                pictures = summary.pictures
            }
        }
    }

    /// `emuchat sessions show`.
    struct ShowCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print a conversation as text, or its file's JSON.")

        @OptionGroup var folders: SessionArguments

        @Argument(help: "The session's name or path.")
        var name: String

        @Flag(help: "Print the session's JSON.")
        var json = false

        func run() async throws {
            let session: Session
            do throws(SessionError) {
                session = try folders.store.load(name)
            } catch { throw CommandError.failed(error.description) }
            if json {
                try StandardOutput.write(Data(session.json.prettyBytes))
            } else {
                // A playback that does not wait.
                try await PlainReplay(timeline: ReplayTimeline(session), speed: .infinity).run()
            }
        }
    }
}

import ArgumentParser
import Chat
import Foundation
import Screen

/// `emuchat sessions list`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the conversations, the latest first.")

    @OptionGroup var folders: SessionArguments

    @Flag(help: "Print a JSON array.")
    var json = false

    func run() async throws {
        var summaries = [SessionStore.Summary]()
        for entry in try withSessionErrors({ () throws(SessionError) in try folders.store.list() }) {
            switch entry {
            case .session(let summary): summaries.append(summary)
            case .unreadable(_, let error): StandardError.write("emuchat: \(error.description)\n")
            }
        }
        if json { return try StandardOutput.writeJSON(summaries.map(Row.init)) }
        let lines = SessionTable.lines(
            summaries.map { summary in
                let pictures = summary.pictures == 0 ? "" : ", " + counted(summary.pictures, "picture")
                return [
                    summary.name, SessionTable.time(summary.updated), counted(summary.turns, "turn") + pictures,
                    SanitizedText.clean(summary.title, newlines: .joined),
                ]
            })
        for line in lines { try StandardOutput.write(line + "\n") }
        if summaries.isEmpty, StandardError.isTerminal {
            StandardError.write("No conversations in \(folders.store.folder) yet.\n")
        }
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

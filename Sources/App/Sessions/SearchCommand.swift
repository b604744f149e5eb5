import ArgumentParser
import Chat
import Foundation
import Generation
import Screen

/// `emuchat sessions search`.
struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find conversations by the words in them, the best first.",
        discussion: """
            A conversation is found when it holds all words, in its title or on any of its branches. Capitals and \
            accents do not matter, parts of words are enough, and quotes join words. When nothing is found, the \
            status is 1.
            """)

    @OptionGroup var folders: SessionArguments

    @Argument(help: "The words to look for.")
    var text: [String]

    @Option(help: ArgumentHelp("Conversations to show at most.", valueName: "n"))
    var limit = 100

    @Flag(help: "Print a JSON array.")
    var json = false

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be 1 or more.") }
        if SessionQuery(text.joined(separator: " ")) == nil { throw ValidationError("There are no words to look for.") }
    }

    func run() async throws {
        let query = text.joined(separator: " ")
        let (hits, count) = try withSessionErrors { () throws(SessionError) in
            try folders.store.search(query, limit: limit)
        }
        if json {
            try StandardOutput.writeJSON(hits.map(Row.init))
        } else {
            for hit in hits { try show(hit) }
        }
        if count > hits.count {
            StandardError.write("\(counted(count - hits.count, "more conversation")); --limit \(count) shows all.\n")
        }
        if hits.isEmpty { throw CommandError(status: ExitStatus.failed, message: json ? nil : "nothing found.") }
    }

    private func show(_ hit: SessionHit) throws(CommandError) {
        let isColoured = StandardOutput.isColoured
        let title = SanitizedText.clean(hit.title, newlines: .joined)
        for line in SessionTable.lines([[hit.name, SessionTable.time(hit.updated), title]]) {
            if isColoured {
                try StandardOutput.writeMarked(line, marks: [0..<hit.name.count])
                try StandardOutput.write("\n")
            } else {
                try StandardOutput.write(line + "\n")
            }
        }
        for match in hit.matches {
            let speaker =
                switch match.role {
                case .user: "you"
                case .assistant: "emuchat"
                case .system: "system"
                }
            let place = "  \(speaker), message \(match.messageID)\(match.isOnShownBranch ? "" : ", another branch"): "
            try StandardOutput.write(place)
            try StandardOutput.writeMarked(match.excerpt, marks: isColoured ? match.marks : [])
            try StandardOutput.write("\n")
        }
        let more = hit.matchingMessages - hit.matches.count
        if more > 0 { try StandardOutput.write("  and \(counted(more, "message")) more\n") }
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Row: Encodable {
        let name: String
        let title: String
        let updated: String
        let rank: Double
        let matches: [Match]
        let matching_messages: Int

        struct Match: Encodable {
            let message: Int
            let role: String
            let on_shown_branch: Bool
            let excerpt: String
            let marks: [[Int]]
        }

        init(_ hit: SessionHit) {
            name = hit.name
            title = hit.title
            updated = hit.updated.description
            rank = hit.rank
            matches = hit.matches.map {
                Match(
                    message: $0.messageID, role: $0.role.rawValue, on_shown_branch: $0.isOnShownBranch,
                    excerpt: $0.excerpt, marks: $0.marks.map { [$0.lowerBound, $0.upperBound] })
            }
            matching_messages = hit.matchingMessages
        }
    }
}

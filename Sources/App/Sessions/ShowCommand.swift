import ArgumentParser
import Chat
import Foundation

/// `emuchat sessions show`.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print a conversation as text, or its file's JSON.")

    @OptionGroup var folders: SessionArguments
    @OptionGroup var branch: BranchArguments

    @Argument(help: "The session's name or path.")
    var name: String

    @Flag(help: "Print the session's JSON.")
    var json = false

    func run() async throws {
        let session = try folders.read(name)
        if json {
            try StandardOutput.write(Data(session.json.prettyBytes))
        } else {
            let timeline = ReplayTimeline(session, to: try branch.leaf(of: session))
            try StandardOutput.write(PlainReplay.text(of: timeline))
        }
    }
}

/// Which branch of a conversation is meant.
struct BranchArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The branch that goes through this message, by its number; the one shown last without this.",
            valueName: "message"))
    var branch: Int?

    /// The last message of the branch that was asked for; nil for the one that is shown.
    func leaf(of session: Session) throws(CommandError) -> Int? {
        guard let branch else { return nil }
        guard session.message(branch) != nil else {
            let numbers = session.messages.map(\.id)
            throw .failed(
                "--branch \(branch): the conversation has no message of that number"
                    + (numbers.isEmpty ? "." : "; they go from \(numbers.min() ?? 1) to \(numbers.max() ?? 1)."))
        }
        return session.latestLeaf(from: branch)
    }
}

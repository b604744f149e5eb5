import ArgumentParser
import Chat

/// `emuchat sessions rename`.
struct RenameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename", abstract: "Give a conversation another name.")

    @OptionGroup var folders: SessionArguments

    @Argument(help: "The session's name or path.")
    var name: String

    @Argument(help: "The new name: letters, digits, dots, hyphens, underscores.")
    var newName: String

    func run() async throws {
        try withSessionErrors { () throws(SessionError) in try folders.store.rename(name, to: newName) }
    }
}

/// `emuchat sessions delete`.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Move a conversation to the trash folder.",
        discussion: "Its pictures stay; emuchat sessions clean removes those that no conversation uses any more.")

    @OptionGroup var folders: SessionArguments

    @Argument(help: "The session's name or path.")
    var name: String

    func run() async throws {
        let path = try withSessionErrors { () throws(SessionError) in try folders.store.delete(name) }
        StandardError.write("Moved to \(path). Move the file back to have it again.\n")
    }
}

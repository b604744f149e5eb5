import ArgumentParser
import Chat
import Foundation

/// `emuchat sessions clean`.
struct CleanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Remove the pictures that no conversation uses any more.",
        discussion: """
            Conversations in the trash folder still use their pictures; with --trash they go for good, too. Pictures \
            younger than an hour are left alone, since a conversation may just be about to use them.
            """)

    @OptionGroup var folders: SessionArguments

    @Flag(help: "Say what would be removed, and remove nothing.")
    var dryRun = false

    @Flag(help: "Also remove the conversations in the trash folder.")
    var trash = false

    func run() async throws {
        try Self.clean(folders.store, of: "conversation", trash: trash, dryRun: dryRun)
    }

    /// Removes what nothing in a folder uses, and tells of it; `noun` is what its files are to people.
    static func clean(_ store: SessionStore, of noun: String, trash: Bool, dryRun: Bool) throws {
        let trashed = trash ? try withSessionErrors { () throws(SessionError) in try store.trashedFiles() } : []
        let unused = try withSessionErrors { () throws(SessionError) in
            try store.unusedMedia(countingTrash: !trash)
        }
        for path in trashed { try StandardOutput.write(path + "\n") }
        for file in unused.files { try StandardOutput.write("\(file.path)\t\(file.bytes) bytes\n") }
        if !dryRun {
            try withSessionErrors { () throws(SessionError) in
                try store.remove(trashed)
                try store.remove(unused)
            }
        }
        var parts = [String]()
        if trash { parts.append(counted(trashed.count, noun)) }
        parts.append("\(counted(unused.files.count, "picture")) (\(unused.bytes) bytes)")
        var note = "\(dryRun ? "Would remove" : "Removed") \(parts.joined(separator: " and ")). "
        note += "In use: \(counted(unused.usedFiles, "picture"))."
        if unused.newFiles > 0 { note += " Left, being younger than an hour: \(counted(unused.newFiles, "picture"))." }
        StandardError.write(note + "\n")
    }
}

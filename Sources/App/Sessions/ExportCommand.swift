import ArgumentParser
import Chat
import ChatUI
import Foundation

/// `emuchat sessions export`.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a conversation in another format.",
        discussion: """
            The formats: markdown; html, one page with the pictures in it; openai, the messages of OpenAI's chat API; \
            llava, the records that LLaVA is trained on (ShareGPT's with pictures); asciicast, \
            version 3, for asciinema, and asciicast-v2 for players before asciinema 3.
            """)

    @OptionGroup var folders: SessionArguments
    @OptionGroup var branch: BranchArguments

    @Argument(help: "The session's name or path.")
    var name: String

    @Option(help: "markdown, html, openai, llava, asciicast or asciicast-v2.")
    var to: ExportFormat

    @Option(name: .shortAndLong, help: ArgumentHelp("Where to write instead of standard output.", valueName: "file"))
    var output: String?

    func run() async throws {
        let session = try folders.read(name)
        let store = try withSessionErrors { () throws(SessionError) in try folders.store.locate(name).store }
        let target = output.map { ($0 as NSString).expandingTildeInPath }
        // Links are as seen from the file that holds them, or from here.
        let folder = FilePath.absolute(target.map(FilePath.folder) ?? "")
        let export = SessionExport(
            session, to: try branch.leaf(of: session),
            picture: { try? store.loadMedia($0) },
            path: { FilePath.relative(FilePath.absolute(store.mediaPath($0)), to: folder) },
            markup: MarkdownHTML.elements)
        guard !export.branch.isEmpty else { throw CommandError.failed("\(name): holds no messages to export.") }
        let bytes = export.bytes(to)
        for loss in export.losses(to) { StandardError.write("emuchat: \(name): \(loss).\n") }
        guard let target, target != "-" else { return try StandardOutput.write(Data(bytes)) }
        try withSessionErrors { () throws(SessionError) in try SessionStore.writeExport(bytes, to: target) }
    }
}

extension ExportFormat: ExpressibleByArgument {
    package init?(argument: String) {
        guard let format = ExportFormat(rawValue: argument) ?? Self.aliases[argument] else { return nil }
        self = format
    }
}

/// Paths as text, without asking the disk.
enum FilePath {
    /// The folder that a path's last part lies in; empty for the current one.
    static func folder(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The path from the root, without `.` and `..`.
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        var parts = [Substring]()
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The way from a folder to a file; both from the root.
    static func relative(_ path: String, to folder: String) -> String {
        let (from, to) = (folder.split(separator: "/"), path.split(separator: "/"))
        let shared = zip(from, to).prefix { $0 == $1 }.count
        return (from.dropFirst(shared).map { _ in ".." } + to.dropFirst(shared).map(String.init)).joined(separator: "/")
    }
}

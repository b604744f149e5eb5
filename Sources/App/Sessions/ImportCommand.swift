import ArgumentParser
import Chat
import Foundation
import Media

/// `emuchat sessions import`.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make conversations of a file that another program wrote.",
        discussion: """
            Takes OpenAI messages and LLaVA or ShareGPT records, told apart by their content; a file of several records \
            becomes several conversations. Pictures are taken from data URLs, and from files in or below the folder of \
            FILE, or of --images. Nothing is fetched from the network.
            """)

    @OptionGroup var folders: SessionArguments

    @Argument(help: "The file, - for standard input.")
    var file: String

    @Option(help: ArgumentHelp("The session's name; made of time and title without this.", valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("The folder that pictures' paths start from.", valueName: "folder"))
    var images: String?

    private static let largestFile = 1 << 30

    func run() async throws {
        let bytes: [UInt8]
        if file == "-" {
            bytes = Array(try StandardInput.readAll(limit: Self.largestFile))
        } else {
            bytes = try withSessionErrors { () throws(SessionError) in
                try SessionStore.readImport(path, limit: Self.largestFile)
            }
        }
        let imported: SessionImport
        do throws(SessionFormatError) {
            imported = try SessionImport(bytes)
        } catch { throw CommandError.failed("\(file): \(error).") }
        for (index, messages) in imported.conversations.enumerated() {
            let picture = PictureImport(store: folders.store, folder: pictureFolder, file: file)
            let session = try SessionImport.session(
                of: messages, at: .now(), application: "emuchat \(emuchatVersion)"
            ) { (address, path) throws(CommandError) in try picture.part(address, path) }
            let writer = try withSessionErrors { () throws(SessionError) in
                guard let name else { return try folders.store.create(session) }
                return try folders.store.create(named: index == 0 ? name : "\(name)-\(index + 1)", session)
            }
            try StandardOutput.write(writer.name + "\n")
        }
    }

    private var path: String { (file as NSString).expandingTildeInPath }

    private var pictureFolder: String {
        if let images { return FilePath.absolute((images as NSString).expandingTildeInPath) }
        return FilePath.absolute(file == "-" ? "" : FilePath.folder(path))
    }
}

/// Keeps the pictures of an imported file.
private struct PictureImport {
    let store: SessionStore
    /// Pictures are only taken from below here: the file is anybody's, and may name what is nobody's business.
    let folder: String
    let file: String

    func part(_ address: String, _ place: String) throws(CommandError) -> Part {
        let decoder = StillDecoder()
        do {
            if address.hasPrefix("data:") {
                guard let bytes = SessionImport.data(ofURL: address) else {
                    throw CommandError.failed("\(file): \(place): expected base64 after the comma of a data URL.")
                }
                return try kept(decoder.load(bytes: bytes, name: place), name: "")
            }
            if address.contains("://") && !address.hasPrefix("file://") {
                StandardError.write("emuchat: \(file): \(place): pictures are not fetched from the network.\n")
                return .text("[\(address.prefix(200))]")
            }
            let given = address.hasPrefix("file://") ? String(address.dropFirst(7)) : address
            let path = FilePath.absolute(given.hasPrefix("/") ? given : folder + "/" + given)
            // Where links lead counts, too.
            guard let real = realpath(path, nil) else {
                throw CommandError.failed("\(file): \(place): \(path): no such file.")
            }
            defer { free(real) }
            let root = realpath(folder, nil)
            defer { free(root) }
            let (target, base) = (String(cString: real), root.map { String(cString: $0) } ?? folder)
            guard target.hasPrefix(base == "/" ? "/" : base + "/") else {
                throw CommandError.failed(
                    "\(file): \(place): \(path) lies outside of \(folder). Name the pictures' folder with --images.")
            }
            let loaded = try decoder.load(path: target)
            return try kept(loaded, name: loaded.fileName)
        } catch let error as CommandError {
            throw error
        } catch {
            throw .failed("\(file): \(place): \(error)")
        }
    }

    private func kept(_ loaded: LoadedImage, name: String) throws(SessionError) -> Part {
        let file = try store.storeMedia(loaded.fileBytes, fileExtension: loaded.format.fileExtension)
        return .image(
            StoredImage(
                file: file, name: name.isEmpty ? "picture.\(file.fileExtension)" : name, width: loaded.pixels.width,
                height: loaded.pixels.height, format: loaded.format.name))
    }
}

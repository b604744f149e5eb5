import ArgumentParser
import Chat
import Foundation
import Media
import Screen

/// `emuchat examples`: sets of examples to show a model before it is asked.
struct ExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "examples",
        abstract: "Keep examples, a picture with a question and its answer, to show a model what is wanted.",
        discussion: """
            emuchat ask --examples SET gives a model all examples of a set before its question, with --rices N the N \
            whose pictures are most like the question's. In the chat: /example and /examples. A chat model gets them as \
            turns; a base model gets question and answer as they stand, one example after another, as its makers do it: \
            what is to stand between them belongs to the answers.
            """,
        subcommands: [
            ListExamplesCommand.self, ShowExamplesCommand.self, AddExampleCommand.self, RemoveExamplesCommand.self,
            CleanExamplesCommand.self,
        ],
        defaultSubcommand: ListExamplesCommand.self)
}

/// Does something to sets of examples; what goes wrong ends the command with one line.
func withExampleErrors<Value>(_ body: () throws(ExampleError) -> Value) throws(CommandError) -> Value {
    do throws(ExampleError) { return try body() } catch { throw .failed(error.description) }
}

/// `emuchat examples list`.
struct ListExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the sets.")

    @Flag(help: "Print a JSON array.")
    var json = false

    private struct Row: Encodable {
        let name: String
        let examples: Int
        let pictures: Int
    }

    func run() async throws {
        let listed = try withExampleErrors { () throws(ExampleError) in try ExampleSets.users.list() }
        for problem in listed.problems { StandardError.write("emuchat: \(problem.description)\n") }
        if json {
            try StandardOutput.writeJSON(
                listed.sets.map { Row(name: $0.name, examples: $0.examples, pictures: $0.pictures) })
        } else {
            for set in listed.sets {
                try StandardOutput.write(
                    "\(set.name)\t\(counted(set.examples, "example"))\t\(counted(set.pictures, "picture"))\n")
            }
            if listed.sets.isEmpty, listed.problems.isEmpty {
                StandardError.write(
                    "There are no sets yet. emuchat examples add SET --image FILE --question TEXT --answer TEXT "
                        + "makes one.\n")
            }
        }
        if !listed.problems.isEmpty { throw CommandError(status: ExitStatus.failed, message: nil) }
    }
}

/// `emuchat examples show`.
struct ShowExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print the examples of a set.")

    @Argument(help: "The set's name.")
    var set: String

    @Flag(help: "Print a JSON array.")
    var json = false

    private struct Row: Encodable {
        struct Picture: Encodable {
            let name: String
            let file: String
        }

        let question: String
        let answer: String
        let images: [Picture]
    }

    func run() async throws {
        let sets = ExampleSets.users
        let examples = try withExampleErrors { () throws(ExampleError) in try sets.load(set) }
        if json {
            return try StandardOutput.writeJSON(
                examples.map { example in
                    Row(
                        question: example.questionText, answer: example.answer,
                        images: example.question.compactMap { part in
                            guard case .image(let image) = part.content else { return nil }
                            return Row.Picture(name: image.name, file: sets.store.mediaPath(image.file))
                        })
                })
        }
        for (index, example) in examples.enumerated() {
            try StandardOutput.write("\(index + 1)\t\(example.line)\n")
        }
    }
}

extension Example {
    /// One line for people: pictures by their names, the question, the answer.
    var line: String {
        let question = question.map { part -> String in
            switch part.content {
            case .text(let text): text
            case .image(let image): "[\(image.name)] "
            case .predicted(let picture): picture.words
            case .video(let video): "[\(video.name), \(video.frames.count) frames] "
            }
        }
        return SanitizedText.clean("\(question.joined()) → \(answer)", newlines: .joined)
    }
}

/// `emuchat examples add`.
struct AddExampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an example to a set, which is made where there is none.",
        discussion: "The picture is copied beside the set, so that its file may be moved or removed.")

    @Argument(help: "The set's name: letters, digits, dots, hyphens, underscores.")
    var set: String

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A picture of the question; may be repeated; - for standard input.", valueName: "file"))
    var image: [String] = []

    @Option(help: ArgumentHelp("What is asked, after the pictures.", valueName: "text"))
    var question = ""

    @Option(help: ArgumentHelp("The answer that it should have.", valueName: "text"))
    var answer: String

    func validate() throws {
        if image.isEmpty && question.isEmpty { throw ValidationError("An example needs --image, --question or both.") }
        if answer.isEmpty { throw ValidationError("--answer is empty.") }
        if image.count(where: { $0 == "-" }) > 1 { throw ValidationError("Standard input can be used only once.") }
    }

    func run() async throws {
        let sets = ExampleSets.users
        let decoder = StillDecoder()
        var parts: [Part] = []
        for path in image {
            let loaded: LoadedImage
            do throws(MediaError) {
                loaded =
                    path == "-"
                    ? try decoder.loadStandardInput() : try decoder.load(path: (path as NSString).expandingTildeInPath)
            } catch { throw CommandError.failed(error.description) }
            let file = try withSessionErrors { () throws(SessionError) in
                try sets.store.storeMedia(loaded.fileBytes, fileExtension: loaded.format.fileExtension)
            }
            parts.append(
                .image(
                    StoredImage(
                        file: file, name: loaded.fileName, width: loaded.pixels.width, height: loaded.pixels.height,
                        format: loaded.format.name)))
        }
        if !question.isEmpty { parts.append(.text(question)) }
        let example = Example(question: parts, answer: answer)
        let count = try withExampleErrors { () throws(ExampleError) in
            try sets.add([example], to: set)
            return try sets.load(set).count
        }
        StandardError.write("\(set) now holds \(counted(count, "example")).\n")
    }
}

/// `emuchat examples remove`.
struct RemoveExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove examples of a set by their numbers, or the whole set.",
        discussion: "A whole set is moved to the trash folder beside the sets.")

    @Argument(help: "The set's name.")
    var set: String

    @Argument(help: "Numbers as show prints them; the whole set without any.")
    var numbers: [Int] = []

    func run() async throws {
        let sets = ExampleSets.users
        if numbers.isEmpty {
            let path = try withExampleErrors { () throws(ExampleError) in try sets.delete(set) }
            StandardError.write("Moved to \(path). Move the file back to have it again.\n")
        } else {
            try withExampleErrors { () throws(ExampleError) in try sets.remove(numbers, from: set) }
        }
    }
}

/// `emuchat examples clean`.
struct CleanExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Remove the pictures that no set uses any more.",
        discussion: """
            Sets in the trash folder still use their pictures; with --trash they go for good, too. Pictures younger than \
            an hour are left alone.
            """)

    @Flag(help: "Say what would be removed, and remove nothing.")
    var dryRun = false

    @Flag(help: "Also remove the sets in the trash folder.")
    var trash = false

    func run() async throws {
        try CleanCommand.clean(ExampleSets.users.store, of: "set", trash: trash, dryRun: dryRun)
    }
}

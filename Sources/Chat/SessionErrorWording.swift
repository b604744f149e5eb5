extension SessionFormatError: CustomStringConvertible {
    /// What was expected and found, and where; without the file.
    package var description: String {
        switch self {
        case .syntax(let error):
            "line \(error.line), column \(error.column): expected \(error.expected)"
        case .field(let path, let expected, let found):
            SessionNaming.printable("\(path): expected \(expected), found \(found)")
        case .newerVersion(let found, let known):
            "version: expected at most \(known), found \(found). A later emuchat wrote it; use that one"
        }
    }
}

extension SessionError: CustomStringConvertible {
    /// One line: the file, what was expected, what was found, and the remedy; free of control characters.
    package var description: String { SessionNaming.printable(sentence) }

    private var sentence: String {
        switch self {
        case .invalidName(let name):
            "\"\(name.prefix(120))\" is no session name: expected 1 to 100 letters, digits, dots, hyphens or underscores, "
                + "no dot first, or a path with a slash."
        case .notFound(let name, let folder, .some(let suggestion)):
            "no session \(name) in \(folder). Did you mean \(suggestion)?"
        case .notFound(let name, let folder, .none):
            "no session \(name) in \(folder). emuchat sessions list shows those there are."
        case .alreadyExists(let name):
            "a session \(name) exists already. Choose another name."
        case .otherFolder(let name, let folder):
            "\(name): a session keeps its folder, because its pictures lie there. Choose a name in \(folder)."
        case .locked(let name, let processID):
            "session \(name) is being written by another emuchat\(processID.map { " (process \($0))" } ?? ""). "
                + "Close that one first; until then emuchat --session \(name) shows the conversation without changing it."
        case .damaged(let path, let problem):
            "\(path): \(problem). The file was left as it is; repair it, or restore a copy."
        case .tooLarge(let path, let bytes, let limit):
            "\(path): has \(bytes) bytes, at most \(limit) are read."
        case .diskFull(let path):
            "\(path): the disk is full. What was saved before is untouched; free some space."
        case .permissionDenied(let path):
            "\(path): permission denied. Choose another folder with --sessions, or change the permissions."
        case .fileSystem(let path, let reason):
            "\(path): \(reason)."
        case .mediaMissing(let path):
            "\(path): the picture is gone. Restore the file, or remove the picture from the conversation."
        case .mediaChanged(let path):
            "\(path): the picture is no longer the one of the conversation (its SHA-256 differs). Restore the file."
        case .invalidMediaExtension(let text):
            "\"\(text.prefix(40))\" is no file extension: expected 1 to 8 lower-case letters or digits."
        case .answerIsRunning(let name):
            "session \(name) is still recording an answer. Stop it first."
        case .noAnswerIsRunning(let name):
            "session \(name) is not recording an answer."
        case .answerDoesNotFit(let name, let id):
            "message \(id) does not fit into session \(name): its number is taken, or what it follows is not there."
        }
    }
}

/// Why a session cannot be opened or kept. `description` is the wording for people.
package enum SessionError: Error, Sendable, Equatable {
    case invalidName(String)
    /// `suggestion` is a session of nearly that name.
    case notFound(name: String, folder: String, suggestion: String?)
    case alreadyExists(name: String)
    /// A session was to be renamed into another folder, where its pictures are not.
    case otherFolder(name: String, folder: String)
    /// Another program writes it; `processID` when the lock says so.
    case locked(name: String, processID: Int?)
    /// The file is damaged or not a session.
    case damaged(path: String, problem: SessionFormatError)
    case tooLarge(path: String, bytes: Int, limit: Int)
    case diskFull(path: String)
    case permissionDenied(path: String)
    /// Any other refusal of the operating system.
    case fileSystem(path: String, reason: String)
    /// A picture's file is gone, or its content has changed.
    case mediaMissing(path: String)
    case mediaChanged(path: String)
    case invalidMediaExtension(String)
    /// An answer was begun while another was running.
    case answerIsRunning(name: String)
    case noAnswerIsRunning(name: String)
    /// An answer's number is taken, or it follows a message that the session does not have.
    case answerDoesNotFit(name: String, id: Int)
}

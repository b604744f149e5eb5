import Chat
import Foundation
import Generation
import Screen
import Synchronization

/// `emuchat replay --verify`: whether every answer of a session comes out again, token by token.
struct ReplayVerification {
    let session: Session
    let store: SessionStore
    let name: String
    let modelPath: String?
    let threadCount: Int?

    /// The exit status when nothing differs, but something could not be verified.
    static let cannotVerify: Int32 = 3

    func run() async throws(CommandError) {
        let answers = AnswerVerifier.answers(of: session)
        let verifier = AnswerVerifier(
            session: session, store: store, modelPath: modelPath, threadCount: threadCount)
        let stopping = Mutex<(@Sendable () -> Void)?>(nil)
        let isInterrupted = CancellationFlag()
        let interruption = Interruption {
            isInterrupted.cancel()
            stopping.withLock { $0?() }
        }
        defer { interruption.end() }
        var (agreeing, differing) = (0, 0)
        var obstacles = 0
        for (index, message) in answers.enumerated() {
            if StandardError.isTerminal { StandardError.write("\r\u{1B}[Kanswer \(index + 1) of \(answers.count)") }
            let outcome = await verifier.verify(message) { stop in
                stopping.withLock { $0 = stop }
                if isInterrupted.isCancelled { stop() }
            }
            if StandardError.isTerminal { StandardError.write("\r\u{1B}[K") }
            switch outcome {
            case .agrees: agreeing += 1
            case .interrupted: throw .interrupted
            case .differs(let difference):
                differing += 1
                try StandardOutput.write("\(place(of: message)), token \(difference.token): \(words(difference))\n")
            case .drawsAnother(let picture, let difference):
                differing += 1
                try StandardOutput.write("\(place(of: message)), picture \(picture): \(difference)\n")
            case .cannotVerify(let reason):
                obstacles += 1
                let line = SanitizedText.clean(
                    "\(place(of: message)): cannot be verified: \(reason)", newlines: .joined)
                try StandardOutput.write(line + "\n")
            }
        }
        var summary = "\(agreeing) of \(counted(answers.count, "answer")) agree"
        if differing > 0 { summary += ", \(differing) differ" }
        if obstacles > 0 { summary += ", \(obstacles) cannot be verified" }
        try StandardOutput.write(summary + ".\n")
        if differing > 0 { throw CommandError(status: ExitStatus.failed, message: nil) }
        if obstacles > 0 { throw CommandError(status: Self.cannotVerify, message: nil) }
    }

    /// Where an answer stands: its turn on its branch, and its number.
    private func place(of message: Message) -> String {
        let turn = session.branch(to: message.parent).count { $0.role == .user }
        return "turn \(turn), message \(message.id)"
    }

    private func words(_ difference: AnswerVerifier.Difference) -> String {
        func token(_ id: Int32?, _ text: String) -> String {
            guard let id else { return "the end" }
            return text.isEmpty ? "\(id)" : "\(id) \(SanitizedText.clean(text, newlines: .joined).debugDescription)"
        }
        return "recorded \(token(difference.recorded, difference.recordedText)), "
            + "generated \(token(difference.generated, difference.generatedText))"
    }
}

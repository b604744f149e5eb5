import Chat
import Generation

/// Records one answer in memory and, where there is a writer, in its journal, so that a disk that fails loses nothing
/// that a later save can still write.
final class AnswerRecorder {
    /// The session, with the answer once it has finished.
    private(set) var session: Session
    private let options: GenerationOptions
    private let dropped: Answer.Dropped?
    private let beginning: AnswerBeginning?
    private let grounding: Answer.Grounding?
    private let drawing: Answer.Drawing?
    private let model: ModelDescription
    private let created: Timestamp
    private var recording: AnswerRecording?

    /// - Parameters:
    ///   - dropped: what the prompt leaves out of the session.
    ///   - beginning: what the answer takes over from one that it goes on with.
    ///   - grounding: that it was asked to say where things are.
    ///   - drawing: that it draws, and how.
    init(
        session: Session, options: GenerationOptions, dropped: Answer.Dropped?, beginning: AnswerBeginning? = nil,
        grounding: Answer.Grounding? = nil, drawing: Answer.Drawing? = nil, model: ModelDescription,
        created: Timestamp
    ) {
        (self.grounding, self.drawing) = (grounding, drawing)
        self.session = session
        self.options = options
        self.dropped = dropped
        self.beginning = beginning
        self.model = model
        self.created = created
    }

    /// The number that the answer has in the session.
    var messageID: Int { session.nextID }

    func begin(_ start: GenerationStart, _ writer: SessionWriter?) throws(SessionError) {
        var answer = Answer(model: model, modelDigest: nil, options: options, start: start, dropped: dropped)
        (answer.grounding, answer.drawing) = (grounding, drawing)
        if let beginning {
            // What was taken over is the answer's, not the prompt's.
            answer.continuedTokens = beginning.tokenIDs.count
            answer.promptTokens = max(0, answer.promptTokens - answer.continuedTokens)
            answer.reusedTokens = min(answer.reusedTokens, answer.promptTokens)
        }
        let recording = AnswerRecording(
            id: messageID, parent: session.activeLeaf, created: created, answer: answer)
        self.recording = recording
        try writer?.beginAnswer(recording)
        guard let beginning else { return }
        for (index, (id, text)) in zip(beginning.tokenIDs, beginning.pieces).enumerated() {
            try append(GeneratedToken(id: id, logProbability: 0, text: text, seconds: 0), writer)
            for (number, picture) in beginning.pictures.enumerated() where picture.token == index {
                try take(picture, number: number, writer)
            }
        }
    }

    /// Tokens so far, those that were taken over among them.
    var tokenCount: Int { recording?.tokenCount ?? 0 }

    /// Records what there is of a picture, counted from 0, among the answer's words.
    func take(_ picture: PredictedPicture, number: Int, _ writer: SessionWriter?) throws(SessionError) {
        recording?.take(picture, number: number)
        try writer?.record(picture, number: number)
    }

    func append(_ token: GeneratedToken, _ writer: SessionWriter?) throws(SessionError) {
        recording?.append(id: token.id, text: token.text, milliseconds: milliseconds(token.seconds))
        try writer?.append(token)
    }

    func finish(
        _ summary: GenerationSummary, drawn: DrawnPictures? = nil, modelDigest: String, _ writer: SessionWriter?
    ) throws(SessionError) {
        if recording == nil {
            // Stopped before the prompt was read: an answer without words, which says so.
            try begin(
                GenerationStart(
                    promptTokens: [], reusedTokens: 0, unseenMedia: [], seed: options.seed ?? 0, imageSeconds: 0,
                    prefillSeconds: 0), writer)
        }
        if let drawn { recording?.take(drawn) }
        recording?.finish(
            summary.finishReason, remainingText: summary.remainingText,
            milliseconds: milliseconds(summary.totalSeconds), modelDigest: modelDigest)
        if let message = recording?.message { session.append(message) }
        try writer?.finishAnswer(
            summary.finishReason, remainingText: summary.remainingText, seconds: summary.totalSeconds,
            modelDigest: modelDigest, drawn: drawn)
    }

    private func milliseconds(_ seconds: Double) -> Int { Int((max(0, seconds) * 1000).rounded()) }
}

import Generation

/// Something that happens while a conversation is played back.
package struct ReplayEvent: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// A message of the user or the system appears with its words and pictures.
        case messageAppeared(Message)
        /// The answer's bar appears, still without words.
        case answerBegan(Message)
        /// A token's words join the answer; empty when the token completed none. `tokenIndex` is nil for the words at the end.
        case textAdded(messageID: Int, tokenIndex: Int?, text: String)
        /// A picture that the model opened among the words joins them, as it is in the end.
        case pictureOpened(messageID: Int, PredictedPicture)
        /// Pictures that the answer drew join it: all of its parts as they are in the end.
        case picturesAdded(messageID: Int, [Part])
        case answerEnded(messageID: Int, FinishReason, wasInterrupted: Bool)
    }

    /// Milliseconds from the beginning of the playback at speed 1.
    package let milliseconds: Int
    /// The turn it belongs to, from 0; a turn begins with a message of the user.
    package let turn: Int
    package let kind: Kind
}

/// A branch of a session as a sequence of timed events: what the screen and `--plain` play back. Pure.
///
/// Within an answer the times are those recorded. Between turns, where people read and type, a pause is shortened to
/// `longestPause`.
package struct ReplayTimeline: Sendable, Equatable {
    /// The longest pause between turns, in milliseconds.
    package static let longestPause = 1500

    /// In the order of time.
    package let events: [ReplayEvent]
    /// The moment of the last event.
    package let durationMilliseconds: Int
    /// The event with which each turn begins.
    package let turnStarts: [Int]

    /// - Parameter leaf: the branch's last message; the one that is shown when nil.
    package init(_ session: Session, to leaf: Int? = nil) {
        var builder = TimelineBuilder()
        for message in session.branch(to: leaf ?? session.activeLeaf) { builder.add(message) }
        events = builder.events
        turnStarts = builder.turnStarts
        durationMilliseconds = builder.events.last?.milliseconds ?? 0
    }

    /// The number of events at or before a moment: those that are to be on the screen.
    package func eventCount(atMilliseconds time: Int) -> Int {
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle].milliseconds <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The moment at which a turn begins; numbers outside are clamped.
    package func milliseconds(ofTurn turn: Int) -> Int {
        guard !turnStarts.isEmpty else { return 0 }
        return events[turnStarts[min(max(turn, 0), turnStarts.count - 1)]].milliseconds
    }

    /// The moment at which a message appears, or its answer begins; nil when it is on another branch.
    package func milliseconds(ofMessage id: Int) -> Int? {
        events.first { event in
            switch event.kind {
            case .messageAppeared(let message), .answerBegan(let message): message.id == id
            case .textAdded, .pictureOpened, .picturesAdded, .answerEnded: false
            }
        }?.milliseconds
    }

    /// The turn that is played at a moment.
    package func turn(atMilliseconds time: Int) -> Int {
        let count = eventCount(atMilliseconds: time)
        return count == 0 ? 0 : events[count - 1].turn
    }

    /// The conversation at a moment: answers with the words that they have by then, running ones without an end.
    package func messages(atMilliseconds time: Int) -> [Message] {
        messages(afterEvents: eventCount(atMilliseconds: time))
    }

    /// The conversation after the first events.
    package func messages(afterEvents count: Int) -> [Message] {
        var messages = [Message]()
        var words = AnswerParts()
        var pictures = [Part]()
        for event in events.prefix(max(0, count)) {
            switch event.kind {
            case .messageAppeared(let message):
                messages.append(message)
            case .answerBegan(let message):
                (words, pictures) = (AnswerParts(), [])
                messages.append(message)
            case .textAdded(_, _, let piece):
                words.append(piece)
            case .pictureOpened(_, let picture):
                words.append(picture)
            case .picturesAdded(_, let parts):
                pictures = parts
            case .answerEnded(_, let reason, let wasInterrupted):
                Self.update(&messages, words, pictures)
                if let last = messages.indices.last {
                    messages[last].answer?.finishReason = reason
                    messages[last].answer?.wasInterrupted = wasInterrupted
                }
            }
        }
        if messages.last?.answer != nil, messages.last?.answer?.finishReason == nil {
            Self.update(&messages, words, pictures)
        }
        return messages
    }

    private static func update(_ messages: inout [Message], _ words: AnswerParts, _ pictures: [Part]) {
        guard let last = messages.indices.last else { return }
        // What is drawn has no words that its pictures would take the place of.
        let parts = messages[last].answer?.drawing == nil ? words.all : []
        messages[last].parts = pictures.isEmpty ? parts : pictures
    }
}

private struct TimelineBuilder {
    var events: [ReplayEvent] = []
    var turnStarts: [Int] = []
    /// Where the playback has come.
    private var now = 0
    /// When the last message was complete, as recorded.
    private var lastEnd: Timestamp?

    /// Thirty years: a million such answers in a hostile file still add up to less than an Int holds.
    private static let longestAnswer = 1_000_000_000_000

    mutating func add(_ message: Message) {
        if let lastEnd {
            let pause = message.created.milliseconds - lastEnd.milliseconds
            now += Int(min(max(pause, 0), Int64(ReplayTimeline.longestPause)))
        }
        if message.role == .user || turnStarts.isEmpty { turnStarts.append(events.count) }
        guard message.role == .assistant, let answer = message.answer else {
            emit(.messageAppeared(message))
            lastEnd = message.created
            return
        }
        var beginning = message
        beginning.parts = answer.drawing == nil ? [.text("")] : []
        beginning.answer?.finishReason = nil
        beginning.answer?.wasInterrupted = false
        let start = now
        emit(.answerBegan(beginning))
        let predicted = message.predictedPictures
        let cut = Answer.pieces(of: message.text, lengths: answer.tokenTextLengths)
        for (index, (piece, time)) in zip(cut?.pieces ?? [], answer.tokenMilliseconds).enumerated() {
            now = max(now, start + min(time, Self.longestAnswer))
            emit(.textAdded(messageID: message.id, tokenIndex: index, text: piece))
            for picture in predicted where picture.token == index {
                emit(.pictureOpened(messageID: message.id, picture))
            }
        }
        let end = min(answer.totalMilliseconds ?? answer.tokenMilliseconds.last ?? 0, Self.longestAnswer)
        now = max(now, start + end)
        let rest = cut?.rest ?? message.text
        if !rest.isEmpty { emit(.textAdded(messageID: message.id, tokenIndex: nil, text: rest)) }
        // Of no token that is there.
        for picture in predicted where picture.token >= (cut?.pieces.count ?? 0) {
            emit(.pictureOpened(messageID: message.id, picture))
        }
        let hasPictures = message.parts.contains { !$0.isText && $0.predicted == nil }
        if hasPictures { emit(.picturesAdded(messageID: message.id, message.parts)) }
        emit(
            .answerEnded(
                messageID: message.id, answer.finishReason ?? .cancelled, wasInterrupted: answer.wasInterrupted))
        lastEnd = message.created.advanced(byMilliseconds: end)
    }

    private mutating func emit(_ kind: ReplayEvent.Kind) {
        events.append(ReplayEvent(milliseconds: now, turn: max(0, turnStarts.count - 1), kind: kind))
    }
}

/// Where a playback stands: speed, pause and seeking over wall-clock time. Pure; the caller brings the clock.
package struct ReplayClock: Sendable, Equatable {
    /// Speeds outside of this are clamped.
    package static let speeds = 0.1...100.0

    package private(set) var speed: Double
    package private(set) var isPaused = false
    private var anchorPosition: Double = 0
    private var anchorTime: Double

    /// - Parameter now: seconds of any steady clock.
    package init(speed: Double = 1, now: Double) {
        self.speed = Self.clamped(speed)
        anchorTime = now
    }

    /// Milliseconds of the timeline that are played by now.
    package func position(now: Double) -> Int {
        let elapsed = isPaused ? 0 : max(0, now - anchorTime) * speed * 1000
        return Int(min(anchorPosition + elapsed, 1e15))
    }

    /// Seconds from now until a moment of the timeline; nil while paused.
    package func delay(untilMilliseconds time: Int, now: Double) -> Double? {
        isPaused ? nil : max(0, Double(time - position(now: now)) / 1000 / speed)
    }

    package mutating func seek(toMilliseconds time: Int, now: Double) {
        anchorPosition = Double(max(0, time))
        anchorTime = now
    }

    package mutating func setSpeed(_ newSpeed: Double, now: Double) {
        seek(toMilliseconds: position(now: now), now: now)
        speed = Self.clamped(newSpeed)
    }

    package mutating func setPaused(_ paused: Bool, now: Double) {
        seek(toMilliseconds: position(now: now), now: now)
        isPaused = paused
    }

    private static func clamped(_ speed: Double) -> Double {
        speed.isFinite ? min(max(speed, speeds.lowerBound), speeds.upperBound) : 1
    }
}

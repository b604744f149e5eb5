import Chat
import ChatUI
import Generation

/// A branch of a session as the screen's own values: items, and pictures numbered in reading order.
struct ConversationMapping {
    private(set) var items: [ConversationItem] = []
    /// The stored picture or clip of each number.
    private(set) var storedMedia: [Int: StoredMedium] = [:]
    private(set) var pictures: [Picture] = []
    private let messages: [Message]
    private let branches: BranchIndex?
    /// Numbers of pictures that are in use elsewhere.
    private let reserved: Set<Int>
    private var nextNumber = 1
    /// The numbers given, in reading order.
    private var numbers: [Int] = []
    /// What the answers so far were asked without.
    private var dropped: Answer.Dropped?

    /// - Parameter branches: the session's, where it matters what else there is.
    init(_ messages: [Message], branches: BranchIndex? = nil, reserved: Set<Int> = []) {
        self.messages = messages
        self.branches = branches
        self.reserved = reserved
        for message in messages {
            // A question's answer says how it was drawn.
            if let drawing = message.answer?.drawing, items.last?.speaker == .user {
                items[items.count - 1].drawing = drawing.options(seed: nil)
            }
            items.append(item(message))
        }
    }

    /// The conversation to show, with settings as they were at its end.
    func opened(name: String?) -> OpenedConversation {
        let system = messages.last { $0.role == .system }?.text
        let last = messages.last { $0.answer != nil }?.answer
        return OpenedConversation(
            name: name, items: items, pictures: pictures, systemText: system.flatMap { $0.isEmpty ? nil : $0 },
            options: last?.options, contextTokens: last.map { $0.promptTokens + $0.tokenIDs.count },
            continuations: branches?.questions(behind: messages.last?.id) ?? [])
    }

    private mutating func item(_ message: Message) -> ConversationItem {
        var parts = [ConversationItem.Part]()
        var drawn = 0
        for part in message.parts {
            switch part.content {
            case .text(let text):
                parts.append(.text(text))
            case .image(let image):
                let note = message.answer.flatMap {
                    DrawnPicture.note($0, picture: drawn, of: message.parts.count)
                }
                drawn += 1
                parts.append(add(.image(image), note: note))
            case .predicted(let picture):
                if let image = picture.image {
                    let steps = message.answer?.options.pictures.steps ?? 0
                    parts.append(add(.image(image), note: DrawnPicture.note(picture, steps: steps)))
                } else {
                    parts.append(.undrawn(picture.words))
                }
            case .video(let video):
                // Without frames it is no part of a prompt, and has no number there.
                if !video.frames.isEmpty { parts.append(add(.clip(video))) }
            }
        }
        let grounding = grounding(message)
        // The marks are not for people.
        if let grounding, message.predictedPictures.isEmpty { parts = [.text(grounding.answer.text)] }
        var item = ConversationItem(
            id: message.id, speaker: speaker(message.role), parts: parts,
            time: Double(message.created.milliseconds) / 1000, marks: marks(message), figures: figures(message),
            place: branches.map {
                BranchPlace(messageID: message.id, alternatives: $0.alternatives(to: message))
            }, grounding: grounding)
        item.example = message.example
        return item
    }

    private func grounding(_ message: Message) -> ConversationItem.Grounding? {
        guard let grounding = message.answer?.grounding else { return nil }
        var picture: Int?
        if let index = grounding.picture, numbers.indices.contains(index - 1),
            case .image? = storedMedia[numbers[index - 1]]
        {
            picture = numbers[index - 1]
        }
        return ConversationItem.Grounding(picture: picture, answer: GroundedAnswer(message.text))
    }

    private mutating func add(_ medium: StoredMedium, note: String? = nil) -> ConversationItem.Part {
        while reserved.contains(nextNumber) { nextNumber += 1 }
        let number = nextNumber
        nextNumber += 1
        numbers.append(number)
        storedMedia[number] = medium
        var facts = medium.facts
        if let note { facts.note = note }
        pictures.append(
            Picture(number: number, path: facts.name, content: .ready(facts), isClip: facts.clip != nil))
        return medium.itemPart(number)
    }

    private func speaker(_ role: Role) -> ConversationItem.Speaker {
        switch role {
        case .system: .system
        case .user: .user
        case .assistant: .assistant
        }
    }

    private mutating func marks(_ message: Message) -> [ConversationItem.Mark] {
        guard let answer = message.answer else { return [] }
        var marks = [ConversationItem.Mark]()
        if let now = answer.dropped, now != dropped {
            marks.append(.leftOut(turns: now.turns, pictures: now.pictures))
        }
        dropped = answer.dropped
        let unseen = answer.unseenMedia.filter { numbers.indices.contains($0 - 1) }.map { numbers[$0 - 1] }
        if !unseen.isEmpty { marks.append(.didNotSee(unseen)) }
        if let drawing = answer.drawing, !drawing.withheld.isEmpty, answer.finishReason != nil {
            marks.append(.withheld(drawing.withheld, of: drawing.count))
        }
        switch answer.finishReason {
        case .cancelled where answer.wasInterrupted: marks.append(.interrupted)
        case .cancelled: marks.append(.stopped)
        case .length: marks.append(.cutShort)
        case .end, .stop, nil: break
        }
        return marks
    }

    private func figures(_ message: Message) -> AnswerFigures? {
        guard let answer = message.answer else { return nil }
        let times = answer.tokenMilliseconds.dropFirst(answer.continuedTokens)
        guard let first = times.first, let last = times.last else { return nil }
        let seconds = Double(last - first) / 1000
        let count = times.count
        return AnswerFigures(
            tokensPerSecond: count > 1 && seconds > 0 ? Double(count - 1) / seconds : nil,
            firstTokenSeconds: Double(first) / 1000, generatedTokens: count)
    }
}

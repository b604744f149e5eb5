/// What is left out of a prompt's beginning so that the rest fits.
///
/// A turn is a question with what follows it up to the next one. System messages and the last turn always stay.
package struct PromptOmission: Sendable, Equatable {
    /// How many of the oldest turns are left out whole.
    package let turns: Int
    /// How many of the oldest turns, those left out included, keep no picture or clip.
    package let turnsWithoutMedia: Int

    package init(turns: Int = 0, turnsWithoutMedia: Int = 0) {
        self.turns = max(0, turns)
        self.turnsWithoutMedia = max(0, turnsWithoutMedia)
    }
}

extension Prompt {
    /// The messages of each turn, oldest first; what stands before the first question belongs to the first turn.
    package var turns: [Range<Int>] {
        guard let first = messages.firstIndex(where: { $0.role != .system }) else { return [] }
        let starts = [first] + messages.indices.filter { $0 > first && messages[$0].role == .user }
        return zip(starts, starts.dropFirst() + [messages.count]).map { $0..<$1 }
    }

    /// The prompt without some of its oldest turns and pictures.
    ///
    /// A question of which only pictures were left out stays, empty, so that questions and answers still alternate.
    package func omitting(_ omission: PromptOmission) -> Prompt {
        omitting(omission, turns: turns)
    }

    /// The same, where the turns are known already.
    func omitting(_ omission: PromptOmission, turns: [Range<Int>]) -> Prompt {
        let removable = turns.dropLast()
        let firstKept = removable.prefix(omission.turns).last?.upperBound ?? 0
        let firstWithMedia = removable.prefix(omission.turnsWithoutMedia).last?.upperBound ?? 0
        var result = Prompt(messages: [], layout: layout, asksForBoxes: asksForBoxes)
        for (index, message) in messages.enumerated() {
            if message.role == .system || index >= firstWithMedia {
                if message.role == .system || index >= firstKept { result.messages.append(message) }
            } else if index >= firstKept {
                var message = message
                message.parts.removeAll(where: \.takesPictureRoom)
                result.messages.append(message)
            }
        }
        return result
    }
}

extension PromptPart {
    /// Whether it goes where pictures are left out: whatever is a medium, and a picture that nobody drew.
    var takesPictureRoom: Bool {
        if case .predicted = self { true } else { isMedium }
    }

    /// Whether it is a picture or a clip.
    package var isMedium: Bool {
        switch self {
        case .image, .video: true
        // Without pixels there is nothing to name by a number.
        case .predicted(let predicted): predicted.image != nil
        case .text, .markup: false
        }
    }
}

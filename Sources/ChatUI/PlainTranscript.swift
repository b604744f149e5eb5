import Generation
import Screen

/// The chat as lines of text, for screen readers and pipes: what is new since the last time, roles in words, nothing
/// drawn twice.
package struct PlainTranscript: Sendable {
    /// What has been written of an item.
    private struct Written {
        var id: ConversationItem.ID
        var speaker: ConversationItem.Speaker
        var parts: [ConversationItem.Part]
        var marks: [ConversationItem.Mark]
        /// Whether the list of places is there.
        var hasPlaces = false
    }

    private var written: [Written] = []
    /// Questions that need not be written.
    private var silent: Set<ConversationItem.ID> = []
    /// What the program said is told once, wherever it stands.
    private var told: Set<ConversationItem.ID> = []
    private var announcedPictures: Set<Int> = []
    private var errors: [String] = []
    private var note: String?
    private var model: String?
    /// The model that is being loaded, as it was told last.
    private var toldLoading: ModelLoading?
    /// The drawing of which was told how far it is, and in which quarter.
    private var toldDrawing: (id: ConversationItem.ID, number: Int, quarter: Int)?
    private var overflowing: ConversationItem.ID?
    private var isAskingToLeave = false
    private var isAtLineStart = true
    private var output = ""

    /// Seconds that are waited for without a word.
    private static let moment = 2.0

    package init() {}

    /// Leaves out questions that the user has just typed, and can read already.
    package mutating func skipQuestions(_ state: AppState) {
        for item in state.items.reversed() where item.speaker == .user {
            guard !written.contains(where: { $0.id == item.id }) else { return }
            if item.pictureNumbers.isEmpty { silent.insert(item.id) }
        }
    }

    /// What is new, free of control characters; empty when nothing is. While an answer runs it may end within a line.
    package mutating func update(_ state: AppState) -> String {
        output = ""
        writeModel(state)
        writeItems(state)
        writeDrawing(state)
        writePictures(state)
        writeMessages(state)
        writeQuestions(state)
        return output
    }

    // MARK: The model

    private mutating func writeModel(_ state: AppState) {
        let text: String
        switch state.model {
        case .loading(let loading): text = "loading \(loading.name)"
        case .ready(let model):
            let sight = model.seesImages ? "sees pictures" : "text only"
            text =
                "model: \(model.name), "
                + [model.epithet, sight, model.sightRemedy].compactMap(\.self).joined(separator: ", ")
        case .failed(let message): text = "error: " + message
        case .absent: return
        }
        if text != model {
            model = text
            line(text)
        }
        if case .loading(let loading) = state.model {
            writeProgress(loading, now: state.now)
        } else if let loading = state.loadingModel {
            writeProgress(loading, now: state.now)
        }
    }

    /// A line for each quarter of what takes longer than a moment.
    private mutating func writeProgress(_ loading: ModelLoading, now: Double) {
        guard let share = loading.share, share < 1, now - loading.since > Self.moment else { return }
        let told = toldLoading?.since == loading.since ? toldLoading?.share ?? 0 : 0
        guard Int(share * 4) > Int(told * 4) else { return }
        toldLoading = loading
        let left = FigureText.timeLeft(share, elapsed: now - loading.since)
        line("loaded \(Int(share * 100)) %" + (left.isEmpty ? "" : "," + left + " left"))
    }

    // MARK: The conversation

    private mutating func writeItems(_ state: AppState) {
        // A question that waits is written when its turn comes: answers to those before go in before it.
        let items = state.items.filter { $0.speaker != .program && !$0.marks.contains(.waiting) }
        var same = 0
        while same < written.count, same < items.count, isContinued(written[same], items[same]) { same += 1 }
        if same < written.count {
            // Another conversation or another branch: what is told again begins where it differs.
            let removed = written.count - same
            written.removeLast(removed)
            if items.count == same {
                line(removed == 1 ? "taken back: one message" : "taken back: \(removed) messages")
            }
        }
        for (index, item) in items.enumerated() where index >= max(0, written.count - 1) {
            if index == written.count { begin(item) }
            write(item, at: index, state)
        }
        for item in state.items where item.speaker == .program && told.insert(item.id).inserted { line(item.text) }
    }

    /// A line for each quarter of a drawing that takes longer than a moment.
    private mutating func writeDrawing(_ state: AppState) {
        guard let answer = state.answer, let drawing = answer.drawing, drawing.stage == .drawing, drawing.total > 0,
            state.now - answer.progressSince > Self.moment
        else { return }
        let share = Double(drawing.completed) / Double(drawing.total)
        let number = drawing.place?.number ?? 1
        let told = toldDrawing.flatMap { ($0.id, $0.number) == (answer.itemID, number) ? $0.quarter : nil } ?? 0
        guard share < 1, Int(share * 4) > told else { return }
        toldDrawing = (answer.itemID, number, Int(share * 4))
        let left = FigureText.timeLeft(share, elapsed: state.now - answer.progressSince)
        line(
            "\(drawing.place.map { $0.text + ", " } ?? "")drawn \(Int(share * 100)) %"
                + (left.isEmpty ? "" : "," + left + " left"))
    }

    private func isContinued(_ written: Written, _ item: ConversationItem) -> Bool {
        guard written.id == item.id, written.speaker == item.speaker else { return false }
        guard written.parts != item.parts else { return true }
        guard case .text(let before)? = written.parts.last, written.parts.count <= item.parts.count,
            case .text(let now) = item.parts[written.parts.count - 1]
        else { return written.parts.isEmpty }
        return now.utf8.starts(with: before.utf8)
    }

    private mutating func begin(_ item: ConversationItem) {
        if silent.remove(item.id) != nil {
            return written.append(Written(id: item.id, speaker: item.speaker, parts: item.parts, marks: item.marks))
        }
        switch item.speaker {
        case .user where item.example != nil: line("example:")
        case .assistant where item.example != nil: line("its answer:")
        case .user: line("you:")
        case .assistant: line("emuchat:")
        case .system: line("system:")
        case .program: break
        }
        written.append(Written(id: item.id, speaker: item.speaker, parts: [], marks: []))
    }

    private mutating func write(_ item: ConversationItem, at index: Int, _ state: AppState) {
        let isRunning = state.answer?.itemID == item.id || state.replay?.answering == item.id
        writeMarks(item, at: index, before: true, state)
        // A leading beam's words may still be replaced, and so may what a drawing looks like.
        let isProvisional =
            state.answer?.isProvisional == true
            || state.answer?.drawnNumbers.contains(where: item.pictureNumbers.contains) == true
        if !(isRunning && isProvisional) {
            let old = written[index].parts
            for (number, part) in item.parts.enumerated() where number >= max(0, old.count - 1) {
                switch part {
                case .text(let text):
                    var new = Substring(text)
                    if number < old.count, case .text(let before) = old[number] {
                        new = text[text.utf8.index(text.utf8.startIndex, offsetBy: before.utf8.count)...]
                    }
                    // The space between a picture and what follows it.
                    if number > 0 && isAtLineStart { new = new.drop { $0 == " " } }
                    add(String(new))
                case .undrawn(let words):
                    if number >= old.count { line(words) }
                case .picture(let picture), .clip(let picture):
                    if number >= old.count { self.picture(picture, state) }
                }
            }
            written[index].parts = item.parts
        }
        if !isRunning {
            endLine()
            if !written[index].hasPlaces, let drawing = item.drawing, item.speaker == .user {
                written[index].hasPlaces = true
                for box in drawing.boxes.isEmpty ? [] : DrawReducer.taken(apart: item).boxes {
                    line("box: " + box.text)
                }
            }
            if let grounding = item.grounding, !written[index].hasPlaces {
                written[index].hasPlaces = true
                for entry in GroundingText.lines(grounding, state.pictures) {
                    line(
                        (entry.number.map { "\($0) " } ?? "")
                            + entry.text.split(whereSeparator: \.isNewline).joined(separator: " "))
                }
            }
            writeMarks(item, at: index, before: false, state)
        }
    }

    private mutating func writeMarks(_ item: ConversationItem, at index: Int, before: Bool, _ state: AppState) {
        for mark in item.marks where !written[index].marks.contains(mark) {
            guard let text = text(mark, before: before, state) else { continue }
            line(text)
            written[index].marks.append(mark)
        }
    }

    /// Words for a mark; nil when it belongs to the other end of the item, or to neither.
    private func text(_ mark: ConversationItem.Mark, before: Bool, _ state: AppState) -> String? {
        switch mark {
        case .didNotSee(let numbers) where before:
            "did not see "
                + numbers.map { Picture.placeholder($0, isClip: state.pictures[$0]?.isClip == true) }
                .joined(separator: ", ")
        case .leftOut(let turns, let pictures) where before:
            "(\(OverflowText.leftOut(turns: turns, pictures: pictures)))"
        case .stopped where !before: "(stopped)"
        case .cutShort where !before: "(cut short)"
        case .interrupted where !before: "(interrupted)"
        case .withheld(let numbers, let count) where !before: "(\(WithheldPictures.words(numbers, of: count)))"
        case .failed(let message) where !before: "error: " + message
        default: nil
        }
    }

    private mutating func picture(_ number: Int, _ state: AppState) {
        announcedPictures.insert(number)
        guard let facts = state.pictures[number]?.facts else { return line("image \(number): not available") }
        line(PlainText.picture(number, facts, modelSees: state.modelSees))
    }

    // MARK: Everything else

    private mutating func writePictures(_ state: AppState) {
        announcedPictures.formIntersection(state.pictures.keys)
        for number in state.editor.pictureNumbers.sorted() where !announcedPictures.contains(number) {
            if state.pictures[number]?.facts != nil { picture(number, state) }
        }
    }

    private mutating func writeMessages(_ state: AppState) {
        for error in state.inputErrors where !errors.contains(error) { line("error: " + error) }
        errors = state.inputErrors
        if let note = state.inputNote, note != self.note { line("note: " + note) }
        note = state.inputNote
    }

    private mutating func writeQuestions(_ state: AppState) {
        if let overflow = state.overflow, overflow.questionID != overflowing {
            line(OverflowText.problem(overflow.plan))
            for (index, remedy) in overflow.plan.remedies.enumerated() {
                line("\(index + 1): " + OverflowText.choice(remedy, droppedTurns: overflow.droppedTurns))
            }
            line("Answer with a number; an empty line keeps the question as a draft.")
        }
        overflowing = state.overflow?.questionID
        if state.isAskingToLeave && !isAskingToLeave { line("Ctrl-C again leaves.") }
        isAskingToLeave = state.isAskingToLeave
    }

    // MARK: Writing

    private mutating func add(_ text: String) {
        let clean = SanitizedText.clean(text)
        guard let last = clean.last else { return }
        output += clean
        isAtLineStart = last == "\n"
    }

    private mutating func endLine() {
        if !isAtLineStart { add("\n") }
    }

    private mutating func line(_ text: String) {
        endLine()
        add(text)
        endLine()
    }
}

/// Words of the plain transcript.
package enum PlainText {
    /// One line, such as `image 1: dog2.jpg, 640 by 480`.
    package static func picture(_ number: Int, _ facts: PictureFacts, modelSees: Bool?) -> String {
        var pieces = ["\(facts.name), \(facts.width) by \(facts.height)"]
        if let clip = facts.clip { pieces.append("\(clip.times.count) frames") }
        if let note = facts.note { pieces.append(note) }
        if modelSees == false { pieces.append("the model cannot see it") }
        let kind = facts.clip == nil ? "image" : "video"
        return SanitizedText.clean("\(kind) \(number): " + pieces.joined(separator: ", "), newlines: .joined)
    }
}

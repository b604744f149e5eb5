import Generation
import Screen

/// `/draw`: pictures as answers.
enum DrawReducer {
    /// As `emuchat draw` has them.
    static let options = ["size", "steps", "guidance", "seed", "count"]

    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let model = state.loadedModel, model.drawing == nil {
            throw .modelDrawsNothing(command: "draw", model: model.name)
        }
        guard state.attachments.isEmpty else { throw .picturesAreLoading(command: "draw") }
        if state.editing != nil, let obstacle = BranchReducer.obstacle("draw", state) { throw obstacle }
        var rest = Substring(invocation.argument)
        var drawing = try readOptions(&rest, state.loadedModel?.drawing)
        var parts = try parts(CommandLine.trimmed(rest), state)
        guard !parts.isEmpty || !state.boxes.isEmpty else { throw .nothingToDraw }
        // What boxes show comes behind everything else, and is counted within the question.
        var count = parts.count { if case .picture = $0 { true } else { false } }
        drawing.boxes = state.boxes.map { box in
            box.renumbered { number in
                parts.append(.picture(number))
                count += 1
                return count
            }
        }
        state.boxes = []
        return GenerationReducer.ask(&state, parts, drawing: drawing)
    }

    // MARK: Reading

    /// Takes the options that stand before the words.
    private static func readOptions(
        _ text: inout Substring, _ limits: DrawingLimits?
    ) throws(CommandProblem) -> DrawingOptions {
        var drawing = DrawingOptions()
        while text.hasPrefix("--") {
            let word = text.prefix { !$0.isWhitespace }
            let name = String(word.dropFirst(2).prefix { $0 != "=" })
            text = text.dropFirst(word.count).drop(while: \.isWhitespace)
            guard options.contains(name) else {
                throw .noSuchDrawingOption(
                    String(word), nearest: CommandLine.nearest(to: name, among: options))
            }
            var value = word.dropFirst(name.count + 3)
            if !word.contains("=") {
                value = text.prefix { !$0.isWhitespace }
                text = text.dropFirst(value.count).drop(while: \.isWhitespace)
            }
            guard change(&drawing, name, String(value)) else {
                throw .wrongDrawingOption(name, value: String(value), range: form(of: name))
            }
        }
        if let problem = limits?.problem(with: drawing) {
            throw .wrongDrawingOption(problem.option, value: problem.value, range: problem.range)
        }
        return drawing
    }

    private static func change(_ drawing: inout DrawingOptions, _ name: String, _ value: String) -> Bool {
        switch name {
        case "size":
            guard let size = DrawingOptions.size(value) else { return false }
            (drawing.width, drawing.height) = size
        case "steps":
            guard let steps = Int(value) else { return false }
            drawing.steps = steps
        case "guidance":
            guard let guidance = Float(value), guidance.isFinite else { return false }
            drawing.guidance = guidance
        case "seed":
            guard let seed = UInt64(value) else { return false }
            drawing.seed = seed
        default:
            guard let count = Int(value) else { return false }
            drawing.count = count
        }
        return true
    }

    private static func form(of option: String) -> String {
        switch option {
        case "size": "pixels, such as 512 or 768x512"
        case "guidance": "a number, such as 3"
        default: "a whole number"
        }
    }

    /// The words with each `[Image #N]` as the picture of that number.
    private static func parts(_ text: String, _ state: AppState) throws(CommandProblem) -> [ConversationItem.Part] {
        let numbers = pictureNumbers(state)
        var parts: [ConversationItem.Part] = []
        var rest = Substring(text)
        while let match = rest.firstMatch(of: /\[(Image|Video) #([0-9]{1,6})\]/) {
            guard match.output.1 == "Image", let number = Int(match.output.2), numbers.contains(number) else {
                throw .noPictureToDraw(command: "draw", String(match.output.0), numbers: numbers)
            }
            let before = rest[..<match.range.lowerBound]
            if !before.isEmpty { parts.append(.text(String(before))) }
            parts.append(.picture(number))
            rest = rest[match.range.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    /// Numbers of the pictures that can be drawn from.
    static func pictureNumbers(_ state: AppState) -> [Int] {
        state.pictures.values.filter { !$0.isClip && $0.facts != nil }.map(\.number).sorted()
    }

    /// The parts of a question that its words hold, and its boxes with the conversation's numbers of what they show.
    static func taken(apart item: ConversationItem) -> (parts: [ConversationItem.Part], boxes: [DrawingBox]) {
        guard let drawing = item.drawing, !drawing.boxes.isEmpty else { return (item.parts, []) }
        let numbers = item.pictureNumbers
        let boxes = drawing.boxes.map { box in
            box.renumbered { numbers.indices.contains($0 - 1) ? numbers[$0 - 1] : $0 }
        }
        return (item.parts.dropLast(boxes.reduce(0) { $0 + $1.mentioned.count }), boxes)
    }

    /// What was typed before the words, with the options that are not the usual ones.
    static func command(_ drawing: DrawingOptions) -> String {
        let usual = DrawingOptions()
        var words = ["/draw"]
        if (drawing.width, drawing.height) != (usual.width, usual.height) {
            words.append("--size \(drawing.width)x\(drawing.height)")
        }
        if drawing.steps != usual.steps { words.append("--steps \(drawing.steps)") }
        if drawing.guidance != usual.guidance { words.append("--guidance \(drawing.guidance)") }
        if let seed = drawing.seed { words.append("--seed \(seed)") }
        if drawing.count != usual.count { words.append("--count \(drawing.count)") }
        return words.joined(separator: " ") + " "
    }

    // MARK: While it is drawn

    /// Numbers for the pictures of a question's answer, so that nothing else takes them.
    static func reserveNumbers(
        _ state: inout AppState, for question: ConversationItem, origin: QuestionOrigin
    ) -> [Int] {
        var count = question.drawing?.count ?? 0
        if question.drawing == nil {
            if state.loadedModel?.opensPictures == true { count = state.options.pictures.most }
            // What the answer takes over from another may have pictures as well.
            if case .continued = origin { count += AnswerPictures.greatestCount }
        }
        let numbers = Array(state.nextPictureNumber..<state.nextPictureNumber + count)
        for number in numbers { state.pictures[number] = Picture(number: number, path: "") }
        state.nextPictureNumber += count
        return numbers
    }

    /// Frees the numbers of pictures that did not come.
    static func releaseNumbers(_ state: inout AppState) {
        guard let numbers = state.answer?.drawnNumbers, !numbers.isEmpty else { return }
        for number in numbers where state.pictures[number]?.facts == nil { state.pictures[number] = nil }
        state.nextPictureNumber = (state.pictures.keys.max() ?? 0) + 1
    }

    static func progressed(_ state: inout AppState, _ progress: DrawingProgress) {
        let before = state.answer?.drawing
        if before?.stage != progress.stage || before?.place != progress.place {
            state.answer?.progressSince = state.now
        }
        state.answer?.drawing = progress
    }

    /// Says in the place of a picture that it will not be drawn.
    static func notDrawn(_ state: inout AppState, _ number: Int, _ problem: String) {
        guard let answer = state.answer, let index = state.index(of: answer.itemID),
            answer.drawnNumbers.contains(number),
            let place = state.items[index].parts.firstIndex(of: .picture(number))
        else { return }
        state.items[index].parts[place] = .undrawn(AnswerPictures.undrawn(problem))
        state.pictures[number] = Picture(number: number, path: "")
    }

    /// Shows a picture, or what it looks like by now, in its place in the answer.
    static func drawn(_ state: inout AppState, _ number: Int, _ facts: PictureFacts) {
        guard let answer = state.answer, let index = state.index(of: answer.itemID),
            answer.drawnNumbers.contains(number)
        else { return }
        state.pictures[number]?.content = .ready(facts)
        // To be asked for again; what is there stays until it comes.
        state.pictures[number]?.requestedSize = nil
        if state.pictureView?.number == number { state.pictureView?.requestedSize = nil }
        if state.boxPlacement?.background?.number == number { state.boxPlacement?.background?.requestedSize = nil }
        guard !state.items[index].pictureNumbers.contains(number) else { return }
        state.items[index].parts.append(.picture(number))
        state.noteNewText()
    }
}

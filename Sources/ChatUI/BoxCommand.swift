import Generation
import Screen

/// `/box`: where the next drawing is to have things.
enum BoxCommand {
    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let model = state.loadedModel, model.drawing == nil {
            throw .modelDrawsNothing(command: "box", model: model.name)
        }
        switch invocation.argument {
        case "":
            guard !state.boxes.isEmpty else { throw .noBox }
            state.inputNote = state.boxes.map(\.text).joined(separator: " · ")
        case "off":
            state.boxes = []
        case let text:
            // A number too few or too large is a mistake, and no part of a name.
            let endsInNumber = text.split(whereSeparator: \.isWhitespace).last?.allSatisfy {
                "+-.0123456789".contains($0)
            }
            if endsInNumber == false && state.setting.hasScreen {
                try check(DrawingBox.mentioned(in: text), state)
                try BoxPlacementReducer.begin(&state, name: text)
                return []
            }
            guard let box = DrawingBox(text) else { throw .wrongBox(text, hasScreen: state.setting.hasScreen) }
            guard state.boxes.count < DrawingBox.most else { throw .tooManyBoxes }
            try check(box.mentioned, state)
            state.boxes.append(box)
        }
        return []
    }

    private static func check(_ mentioned: [Int], _ state: AppState) throws(CommandProblem) {
        let numbers = DrawReducer.pictureNumbers(state)
        for number in mentioned where !numbers.contains(number) {
            throw .noPictureToDraw(command: "box", Picture.placeholder(number), numbers: numbers)
        }
    }

    /// What is said while boxes wait for a drawing.
    static func note(_ state: AppState) -> String? {
        guard !state.boxes.isEmpty else { return nil }
        return "the next /draw: \(state.boxes.map(shown).joined(separator: ", ")) · /box off ends this"
    }

    /// The line for a thing of a question that was to be in a box.
    static func line(_ box: DrawingBox) -> String { "▢ " + shown(box) }

    private static func shown(_ box: DrawingBox) -> String {
        let name = box.name.isEmpty ? "something" : SanitizedText.clean(box.name, newlines: .joined)
        return "\(name) in \(box.left) \(box.top) \(box.right) \(box.bottom)"
    }
}

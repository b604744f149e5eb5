import Generation

/// Drawn pictures that the model's safety checker lets nobody see: their places are free again, and words stay.
enum WithheldReducer {
    static func withheld(_ state: inout AppState, _ number: Int, _ which: Int) {
        guard let answer = state.answer, let index = state.index(of: answer.itemID),
            answer.drawnNumbers.contains(number)
        else { return }
        state.items[index].parts.removeAll { $0 == .picture(number) }
        state.pictures[number] = Picture(number: number, path: "")
        if state.pictureView?.number == number { state.pictureView = nil }
        let before = state.items[index].marks.flatMap { mark -> [Int] in
            if case .withheld(let numbers, _) = mark { numbers } else { [] }
        }
        state.items[index].marks.removeAll { if case .withheld = $0 { true } else { false } }
        state.items[index].marks.append(.withheld(before + [which], of: answer.drawnNumbers.count))
        state.noteNewText()
    }
}

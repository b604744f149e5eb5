import Generation

/// Words for where things are.
enum GroundingText {
    static func lines(
        _ grounding: ConversationItem.Grounding, _ pictures: [Int: Picture]
    ) -> [GroundedLine] {
        let facts = grounding.picture.flatMap { pictures[$0]?.facts }
        return grounding.answer.lines(
            pictureName: facts == nil ? nil : grounding.picture.map { Picture.placeholder($0) },
            width: facts?.width ?? 0, height: facts?.height ?? 0)
    }
}

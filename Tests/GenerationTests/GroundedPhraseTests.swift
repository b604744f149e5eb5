import Generation
import Testing

@Suite struct GroundedPhrases {
    private func patches(_ numbers: Int...) -> String {
        numbers.map { "<patch_index_\(String(repeating: "0", count: 4 - "\($0)".count))\($0)>" }.joined(separator: " ")
    }

    @Test func aPhraseAndItsBox() {
        let answer = "<phrase> the squirrel </phrase> <object> \(patches(56, 0, 112, 224)) </object> sits there."
        #expect(
            GroundedPhrase.all(in: answer) == [
                GroundedPhrase(
                    phrase: "the squirrel", boxes: [PictureBox(left: 0.25, top: 0, right: 0.5, bottom: 1)])
            ])
        #expect(GroundedPhrase.plainText(of: answer) == "the squirrel sits there.")
    }

    @Test func severalBoxesOfOnePhraseAndSeveralPhrases() {
        let answer =
            "<grounding><phrase>dogs</phrase><object>\(patches(0, 0, 112, 112))</delimiter_of_multi_objects/>"
            + "\(patches(112, 112, 224, 224))</object> and <phrase>a cat</phrase><object>\(patches(0, 0, 224, 56))</object>"
        let found = GroundedPhrase.all(in: answer)
        #expect(found.map(\.phrase) == ["dogs", "a cat"])
        #expect(found.map(\.boxes.count) == [2, 1])
        #expect(GroundedPhrase.plainText(of: answer) == "dogs and a cat")
    }

    @Test(
        arguments: [
            // Corners the wrong way round, outside the grid, without marks, and with words in between.
            ("<object> P </object>", [[112, 112, 0, 0]], [""]), ("P", [[0, 0, 256, 256]], [""]),
            ("<phrase> x </phrase> P", [[0, 0, 9, 9]], ["x"]), ("P and P", [[0, 0, 9, 9], [1, 1, 9, 9]], ["", ""]),
            // No area, too few numbers, nothing.
            ("<phrase> x </phrase> P", [[5, 5, 5, 9]], []), ("P", [[5, 5, 9]], []), ("<phrase> x </phrase>", [], []),
            ("a < b <patch_index_1> <phrase", [], []), ("", [], []),
        ] as [(String, [[Int]], [String])])
    func whatCanBeReadIsTaken(_ form: String, _ boxes: [[Int]], _ phrases: [String]) {
        var answer = form
        for box in boxes {
            guard let place = answer.firstRange(of: "P") else { break }
            let text = box.map { "<patch_index_\(String(repeating: "0", count: 4 - "\($0)".count))\($0)>" }.joined()
            answer.replaceSubrange(place, with: text)
        }
        let found = GroundedPhrase.all(in: answer)
        #expect(found.map(\.phrase) == phrases)
        for box in found.flatMap(\.boxes) {
            #expect(0 <= box.left && box.left < box.right && box.right <= 1)
            #expect(0 <= box.top && box.top < box.bottom && box.bottom <= 1)
        }
    }

    @Test func anAnswerWithoutBoxesStaysAsItIs() {
        for answer in ["a<b and c > d", "Hello, <name>!", "x"] {
            #expect(GroundedPhrase.plainText(of: answer) == answer)
        }
    }
}

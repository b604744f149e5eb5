import Generation
import Testing

@Suite struct GroundedPhrases {
    private func patches(_ numbers: Int...) -> String {
        numbers.map { "<patch_index_\(String(repeating: "0", count: 4 - "\($0)".count))\($0)>" }.joined(separator: " ")
    }

    @Test func aPhraseAndItsBox() {
        let answer = GroundedAnswer(
            "<phrase> the squirrel </phrase> <object> \(patches(56, 0, 112, 224)) </object> sits there.")
        let box = PictureBox(left: 0.25, top: 0, right: 0.5, bottom: 1)
        #expect(answer.phrases == [GroundedPhrase(phrase: "the squirrel", boxes: [box])])
        #expect(answer.boxes == [NumberedBox(number: 1, box: box)])
        #expect(answer.text == "the squirrel [1] sits there.")
        #expect(box.pixels(width: 640, height: 481) == [160, 0, 320, 481])
        #expect(
            answer.lines(pictureName: "[Image #2]", width: 640, height: 480).map(\.text) == [
                "left, top, right, bottom in pixels of [Image #2]", "the squirrel: 160, 0, 320, 480",
            ])
    }

    @Test func severalBoxesOfOnePhraseAndSeveralPhrases() {
        let answer = GroundedAnswer(
            "<grounding><phrase>dogs</phrase><object>\(patches(0, 0, 112, 112))</delimiter_of_multi_objects/>"
                + "\(patches(112, 112, 224, 224))</object> and <phrase>a cat</phrase><object>"
                + "\(patches(0, 0, 224, 56))</object>")
        #expect(answer.phrases.map(\.phrase) == ["dogs", "a cat"])
        #expect(answer.phrases.map(\.boxes.count) == [2, 1])
        #expect(answer.boxes.map(\.number) == [1, 1, 2])
        #expect(answer.text == "dogs [1] and a cat [2]")
    }

    @Test(
        arguments: [
            // Corners the wrong way round, outside the grid, without marks, and with words in between.
            ("<object> P </object>", [[112, 112, 0, 0]], [""]), ("P", [[0, 0, 256, 256]], [""]),
            ("<phrase> x </phrase> P", [[0, 0, 9, 9]], ["x"]), ("P and P", [[0, 0, 9, 9], [1, 1, 9, 9]], ["", ""]),
            ("<phrase> x </phrase>", [], []), ("a < b <patch_index_1> <phrase", [], []), ("", [], []),
        ] as [(String, [[Int]], [String])])
    func whatCanBeReadIsTaken(_ form: String, _ boxes: [[Int]], _ phrases: [String]) {
        var answer = form
        for box in boxes {
            guard let place = answer.firstRange(of: "P") else { break }
            let text = box.map { "<patch_index_\(String(repeating: "0", count: 4 - "\($0)".count))\($0)>" }.joined()
            answer.replaceSubrange(place, with: text)
        }
        let found = GroundedAnswer(answer).phrases
        #expect(found.map(\.phrase) == phrases)
        #expect(found.allSatisfy { $0.boxes.count == 1 && $0.problems.isEmpty })
        for box in found.flatMap(\.boxes) {
            #expect(0 <= box.left && box.left < box.right && box.right <= 1)
            #expect(0 <= box.top && box.top < box.bottom && box.bottom <= 1)
        }
    }

    @Test func whatIsNoBoxIsTold() {
        let answer = GroundedAnswer(
            "<phrase>x</phrase>\(patches(5, 5, 5, 9)) <phrase>y</phrase>\(patches(0, 0, 9, 9, 7, 8)) \(patches(230))")
        #expect(answer.phrases.map(\.boxes.count) == [0, 1])
        #expect(answer.phrases.map(\.problems) == [[.empty([5, 5, 5, 9])], [.incomplete([7, 8, 230])]])
        #expect(answer.text == "x [1] y [2]")
        #expect(
            answer.lines(pictureName: nil, width: 1, height: 1).map(\.text) == [
                "no picture to draw on; left, top, right, bottom on a grid of 224",
                "x: no box: 5, 5, 5, 9 on the model's grid encloses nothing", "y: 0, 0, 9, 9",
                "y: no box: 7, 8, 230 are not four numbers",
            ])
        #expect(GroundedAnswer("Nothing.").lines(pictureName: "a", width: 1, height: 1).map(\.number) == [nil])
    }

    @Test func anAnswerWithoutBoxesStaysAsItIs() {
        for answer in [
            "a<b and c > d", "Hello, <name>!", "x", "one\n\n- two  three", "a <phras", "<patch_index_12345>",
        ] {
            #expect(GroundedAnswer(answer).text == answer)
        }
    }

    @Test func linesStayLines() {
        let answer = GroundedAnswer(
            "Here:\n- <phrase> a </phrase> <object>\(patches(0, 0, 9, 9))</object>\n- <phrase> b </phrase>, both")
        #expect(answer.text == "Here:\n- a [1]\n- b, both")
        #expect(GroundedAnswer("<phrase> a </phrase>\(patches(0, 0, 9, 9)) b", numbered: false).text == "a b")
    }

    /// However the text is cut, the same comes of it, and what each piece adds is never taken back.
    @Test func piecesOfAnySize() {
        let answer =
            "See <phrase> the dog </phrase> <object> \(patches(1, 2, 30, 40)) </object>, <b> and\n a <phrase>cat"
            + "</phrase> \(patches(7)) end <"
        let whole = GroundedAnswer(answer)
        for size in 1...20 {
            var parts = GroundedAnswer()
            var shown = ""
            var rest = answer[...]
            while !rest.isEmpty {
                shown += parts.append(String(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            shown += parts.finish()
            #expect(shown == whole.text)
            #expect(parts.phrases == whole.phrases)
        }
    }

    @Test func marksAreKnownByTheirSpelling() {
        for mark in ["<phrase>", "</phrase>", "<object>", "</delimiter_of_multi_objects/>", "<patch_index_0256>"] {
            #expect(GroundedAnswer.isMark(mark))
        }
        for other in ["[USER]", "<patch_index_256>", "<phrase> ", "</s>", ""] { #expect(!GroundedAnswer.isMark(other)) }
    }
}

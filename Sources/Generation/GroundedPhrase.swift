/// A rectangle of a picture, as shares of its width and height from the upper left corner.
package struct PictureBox: Sendable, Hashable {
    package let left: Double
    package let top: Double
    package let right: Double
    package let bottom: Double

    package init(left: Double, top: Double, right: Double, bottom: Double) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    /// Left, top, right and bottom in whole pixels of a picture of this size.
    package func pixels(width: Int, height: Int) -> [Int] {
        zip([left, top, right, bottom], [width, height, width, height]).map { Int(($0 * Double($1)).rounded()) }
    }
}

/// Numbers of an answer that stand where a box should and are none.
package enum BoxProblem: Sendable, Hashable {
    /// Fewer than four.
    case incomplete([Int])
    /// Corners that enclose nothing: left, top, right, bottom as the model gave them.
    case empty([Int])
}

/// A phrase of an answer, and where in the picture what it names is.
package struct GroundedPhrase: Sendable, Hashable {
    /// Empty where a box stands without one.
    package let phrase: String
    package let boxes: [PictureBox]
    package let problems: [BoxProblem]

    package init(phrase: String, boxes: [PictureBox], problems: [BoxProblem] = []) {
        self.phrase = phrase
        self.boxes = boxes
        self.problems = problems
    }

    /// Cells along a side of the grid on which the model counts. Source: section 4.5 of Emu2's facts.
    package static let grid = 224

    /// Every four numbers are left, top, right and bottom. Corners the wrong way round are turned, and what lies
    /// outside the grid ends at its edge.
    init(phrase: String, numbers: [Int]) {
        var boxes: [PictureBox] = []
        var problems: [BoxProblem] = []
        for start in stride(from: 0, to: numbers.count, by: 4) {
            let corners = Array(numbers[start..<min(start + 4, numbers.count)])
            guard corners.count == 4 else {
                problems.append(.incomplete(corners))
                break
            }
            let edges = corners.map { Double(min($0, Self.grid)) / Double(Self.grid) }
            let box = PictureBox(
                left: min(edges[0], edges[2]), top: min(edges[1], edges[3]), right: max(edges[0], edges[2]),
                bottom: max(edges[1], edges[3]))
            if box.right > box.left && box.bottom > box.top {
                boxes.append(box)
            } else {
                problems.append(.empty(corners))
            }
        }
        self.init(phrase: phrase, boxes: boxes, problems: problems)
    }
}

/// A box with the number of its phrase, as it is drawn onto a picture.
package struct NumberedBox: Sendable, Hashable {
    /// From 1, in the order of the answer.
    package let number: Int
    package let box: PictureBox

    package init(number: Int, box: PictureBox) {
        self.number = number
        self.box = box
    }

    /// Red, green and blue of a number's boxes: colours that people with any kind of colour vision tell apart.
    /// Source: M. Okabe, K. Ito, "Color Universal Design".
    package static func color(_ number: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
        let colors: [(UInt8, UInt8, UInt8)] = [
            (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167),
        ]
        return colors[((number - 1) % colors.count + colors.count) % colors.count]
    }
}

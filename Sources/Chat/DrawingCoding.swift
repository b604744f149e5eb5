import Generation

extension Answer.Drawing {
    var json: JSONValue {
        var fields = unknown
        fields["width"] = .integer(Int64(width))
        fields["height"] = .integer(Int64(height))
        fields["steps"] = .integer(Int64(steps))
        fields["guidance"] = .double(Double(guidance))
        if count != 1 { fields["count"] = .integer(Int64(count)) }
        if !boxes.isEmpty { fields["boxes"] = .array(boxes.map(\.json)) }
        if endsInPreview { fields["ends_in_preview"] = .bool(true) }
        if !withheld.isEmpty { fields["withheld"] = .integers(clamping: withheld) }
        return .object(fields)
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        let largest = SessionLimits.largestNumber
        var fields = try FieldReader(json, path: path)
        var boxes = [DrawingBox]()
        if fields.has("boxes") {
            for (index, element) in try fields.elements("boxes", limit: DrawingBox.most).enumerated() {
                boxes.append(try DrawingBox(json: element, path: fields.path("boxes[\(index)]")))
            }
        }
        let count = try fields.optionalInteger("count", in: 1...DrawingLimits.mostPictures) ?? 1
        self.init(
            width: try fields.integer("width", in: 1...largest), height: try fields.integer("height", in: 1...largest),
            steps: try fields.integer("steps", in: 1...largest),
            guidance: Float(try fields.optionalDouble("guidance") ?? 1),
            count: count, boxes: boxes, endsInPreview: try fields.optionalBool("ends_in_preview") ?? false,
            withheld: try fields.withheldPictures(of: count))
        unknown = fields.rest
    }
}

extension AnswerPictures {
    var json: JSONValue {
        .object([
            "most": .integer(Int64(most)), "width": .integer(Int64(width)), "height": .integer(Int64(height)),
            "steps": .integer(Int64(steps)), "guidance": .double(Double(guidance)),
        ])
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        let largest = SessionLimits.largestNumber
        var fields = try FieldReader(json, path: path)
        self.init(
            most: try fields.integer("most", in: 0...Self.greatestCount),
            width: try fields.integer("width", in: 1...largest), height: try fields.integer("height", in: 1...largest),
            steps: try fields.integer("steps", in: 1...largest),
            guidance: Float(try fields.optionalDouble("guidance") ?? 1))
    }
}

extension FieldReader {
    /// `withheld`, numbers of pictures in order; none where it is missing.
    mutating func withheldPictures(of count: Int) throws(SessionFormatError) -> [Int] {
        guard has("withheld") else { return [] }
        let numbers = try integers("withheld", limit: count, in: 1...count)
        guard zip(numbers, numbers.dropFirst()).allSatisfy(<) else {
            throw .field(path: path("withheld"), expected: "each number once, in order", found: "others")
        }
        return numbers
    }
}

extension DrawingBox {
    var json: JSONValue {
        .object([
            "name": .string(name), "left": .integer(Int64(left)), "top": .integer(Int64(top)),
            "right": .integer(Int64(right)), "bottom": .integer(Int64(bottom)),
        ])
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: path)
        let edges = 0...Self.gridSide
        let box = DrawingBox(
            name: try fields.string("name"), left: try fields.integer("left", in: edges),
            top: try fields.integer("top", in: edges), right: try fields.integer("right", in: edges),
            bottom: try fields.integer("bottom", in: edges))
        guard let box else { throw .field(path: path, expected: "a box with a width and a height", found: "none") }
        self = box
    }
}

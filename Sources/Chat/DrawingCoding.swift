import Generation

extension Answer.Drawing {
    var json: JSONValue {
        var fields = unknown
        fields["width"] = .integer(Int64(width))
        fields["height"] = .integer(Int64(height))
        fields["steps"] = .integer(Int64(steps))
        fields["guidance"] = .double(Double(guidance))
        if count != 1 { fields["count"] = .integer(Int64(count)) }
        if endsInPreview { fields["ends_in_preview"] = .bool(true) }
        return .object(fields)
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        let largest = SessionLimits.largestNumber
        var fields = try FieldReader(json, path: path)
        self.init(
            width: try fields.integer("width", in: 1...largest), height: try fields.integer("height", in: 1...largest),
            steps: try fields.integer("steps", in: 1...largest),
            guidance: Float(try fields.optionalDouble("guidance") ?? 1),
            count: try fields.optionalInteger("count", in: 1...DrawingLimits.mostPictures) ?? 1,
            endsInPreview: try fields.optionalBool("ends_in_preview") ?? false)
        unknown = fields.rest
    }
}

/// A SentencePiece model as published checkpoints carry it: `tokenizer.model`, with the tokens that were added behind.
///
/// The types' numbers are those of `tokenizer.ggml.token_type`, which took them over. Source: `sentencepiece_model.proto`.
package struct SentencePieceModel: Sendable {
    package let path: String
    /// The pieces' spellings one after another; piece `id` ends at `ends[id]`.
    package private(set) var bytes: [UInt8] = []
    package private(set) var ends: [Int] = []
    package private(set) var scores: [Float] = []
    package private(set) var types: [Int32] = []
    /// Ids of the unknown, begin and end tokens; nil for a model without one.
    package private(set) var unknownToken: Int32? = 0
    package private(set) var beginToken: Int32? = 1
    package private(set) var endToken: Int32? = 2
    /// Whether text is encoded as if a space stood before it.
    package private(set) var addsSpacePrefix = true

    package var count: Int { ends.count }

    /// Above this no vocabulary goes.
    private static let mostPieces: UInt64 = 1 << 22
    private static let (control, byte): (Int32, Int32) = (3, 6)

    /// Reads a model file; refuses what no code here would compute: other algorithms than BPE, other normalisation than
    /// none.
    package init(path: String) throws(ModelFileError) {
        self.path = path
        let file = try MappedFile(path: path)
        var (isBPE, changesText, squeezesSpaces) = (false, false, true)
        try ProtocolBufferMessage(file).forEachField { (field) throws(ModelFileError) in
            switch field.number {
            case 1: try append(field.message())
            case 2:
                try field.message().forEachField { (field) throws(ModelFileError) in
                    switch field.number {
                    case 3: isBPE = field.value == 2
                    case 40: unknownToken = Self.id(field.value)
                    case 41: beginToken = Self.id(field.value)
                    case 42: endToken = Self.id(field.value)
                    default: break
                    }
                }
            case 3:
                try field.message().forEachField { (field) throws(ModelFileError) in
                    switch field.number {
                    case 2: changesText = !field.payload.isEmpty
                    case 3: addsSpacePrefix = field.value != 0
                    case 4: squeezesSpaces = field.value != 0
                    default: break
                    }
                }
            default: break
            }
        }
        try require("the algorithm", "byte-pair encoding", found: "another") { isBPE }
        try require("the normalisation", "none, as LLaMA has it", found: "rules for characters or spaces") {
            !changesText && !squeezesSpaces
        }
        try require("the vocabulary", "pieces", found: "none") { count > 0 }
        for (name, id) in [("unknown", unknownToken), ("begin", beginToken), ("end", endToken)] {
            guard let id else { continue }
            try require("the \(name) token", "an id below \(count)", found: "\(id)") { Int(id) < count }
        }
    }

    /// Puts tokens behind the pieces: ids must go on where the pieces end, without a gap.
    package mutating func add(_ tokens: [String: Int]) throws(ModelFileError) {
        for (token, id) in tokens.sorted(by: { $0.value < $1.value }) {
            // A file may list pieces that the model has itself.
            if id < count, id >= 0, Array(token.utf8)[...] == piece(id) { continue }
            try require("the id of the added token \(token)", "\(count)", found: "\(id)") { id == count }
            append(Array(token.utf8)[...], score: 0, type: Self.control)
        }
    }

    /// The spelling of an id below `count`.
    package func piece(_ id: Int) -> ArraySlice<UInt8> { bytes[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }

    private static func id(_ value: UInt64) -> Int32? {
        // -1 stands for "none".
        Int64(bitPattern: value) < 0 ? nil : Int32(exactly: value) ?? .max
    }

    private mutating func append(_ message: ProtocolBufferMessage) throws(ModelFileError) {
        var (spelling, score, type): (ArraySlice<UInt8>, Float, Int32) = ([], 0, 1)
        try message.forEachField { (field) throws(ModelFileError) in
            switch field.number {
            case 1: spelling = Array(field.payload)[...]
            case 2: score = Float(bitPattern: UInt32(truncatingIfNeeded: field.value))
            case 3: type = Int32(truncatingIfNeeded: field.value)
            default: break
            }
        }
        let id = count
        try require("the number of pieces", "at most \(Self.mostPieces)", found: "more") { id < Int(Self.mostPieces) }
        try require("the score of piece \(id)", "a number", found: "\(score)") { !score.isNaN }
        try require("the type of piece \(id)", "1 to 6", found: "\(type)") { (1...Self.byte).contains(type) }
        append(spelling, score: score, type: type)
    }

    private mutating func append(_ spelling: ArraySlice<UInt8>, score: Float, type: Int32) {
        bytes += spelling
        ends.append(bytes.count)
        scores.append(score)
        types.append(type)
    }

    private func require(
        _ what: String, _ expected: String, found: String, _ condition: () -> Bool
    ) throws(ModelFileError) {
        guard condition() else { throw .malformed(path: path, what: what, expected: expected, found: found) }
    }
}

/// A message of protocol buffers in a mapped file. Source: "Encoding" of the Protocol Buffers documentation.
struct ProtocolBufferMessage {
    let file: MappedFile
    private let range: Range<Int>

    struct Field {
        let number: UInt64
        /// Of plain fields; 0 of others.
        let value: UInt64
        /// Of fields with a length; empty of others. Lies in the file.
        let payload: UnsafeRawBufferPointer
        fileprivate let file: MappedFile
        fileprivate let range: Range<Int>

        func message() -> ProtocolBufferMessage { ProtocolBufferMessage(file: file, range: range) }
    }

    /// The whole file.
    init(_ file: MappedFile) {
        self.init(file: file, range: 0..<file.bytes.count)
    }

    private init(file: MappedFile, range: Range<Int>) {
        self.file = file
        self.range = range
    }

    /// Calls `body` for every field in order.
    func forEachField(_ body: (Field) throws(ModelFileError) -> Void) throws(ModelFileError) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let tag = try number(&offset)
            var (value, payload) = (UInt64(0), offset..<offset)
            switch tag & 7 {
            case 0: value = try number(&offset)
            case 1: value = try fixed(UInt64.self, &offset)
            case 2: payload = try take(try number(&offset), &offset)
            case 5: value = UInt64(try fixed(UInt32.self, &offset))
            default:
                throw .malformed(
                    path: file.path, what: "a field at offset \(offset)", expected: "a wire type of 0, 1, 2 or 5",
                    found: "\(tag & 7)")
            }
            try body(
                Field(
                    number: tag >> 3, value: value, payload: UnsafeRawBufferPointer(rebasing: file.bytes[payload]),
                    file: file, range: payload))
        }
    }

    private func take(_ count: UInt64, _ offset: inout Int) throws(ModelFileError) -> Range<Int> {
        let available = range.upperBound - offset
        guard count <= UInt64(available) else {
            throw .truncated(path: file.path, what: "a field", offset: offset, needed: count, available: available)
        }
        defer { offset += Int(count) }
        return offset..<offset + Int(count)
    }

    private func fixed<Number: FixedWidthInteger>(_: Number.Type, _ offset: inout Int) throws(ModelFileError) -> Number
    {
        let place = try take(UInt64(MemoryLayout<Number>.size), &offset)
        return Number(littleEndian: file.bytes.loadUnaligned(fromByteOffset: place.lowerBound, as: Number.self))
    }

    /// A number in groups of seven bits, lowest first.
    private func number(_ offset: inout Int) throws(ModelFileError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try fixed(UInt8.self, &offset)
            // The tenth byte holds one bit; what is above it is lost, as in the reference.
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw .malformed(
            path: file.path, what: "a number at offset \(offset)", expected: "at most 10 bytes", found: "more")
    }
}

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

        /// The integers of a repeated field: its only value, or the first ones of those packed as a payload.
        func integers(atMost limit: Int) throws(ModelFileError) -> [UInt64] {
            guard !range.isEmpty else { return [value] }
            var (numbers, offset): ([UInt64], Int) = ([], range.lowerBound)
            while offset < range.upperBound, numbers.count < limit { numbers.append(try message().number(&offset)) }
            return numbers
        }
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

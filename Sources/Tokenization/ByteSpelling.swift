/// How byte-level vocabularies spell bytes: printable Latin-1 characters stand for themselves, all other bytes for the
/// scalars from U+0100 on. Source: `bytes_to_unicode` in `encoder.py` of GPT-2.
enum ByteSpelling {
    /// The scalar of each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
            default:
                defer { next += 1 }
                return Unicode.Scalar(next) ?? Unicode.Scalar(byte)
            }
        }
    }()

    /// The byte of each scalar below U+0144; -1 where there is none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = Int16(byte) }
        return bytes
    }()

    /// Appends the bytes that a spelling stands for; false when it is not of this alphabet.
    static func decode(_ spelling: ArraySlice<UInt8>, into result: inout [UInt8]) -> Bool {
        var index = spelling.startIndex
        while index < spelling.endIndex {
            var value = Int(spelling[index])
            index += 1
            if value >= 0x80 {
                guard (0xC2...0xC5).contains(value), index < spelling.endIndex, spelling[index] & 0xC0 == 0x80 else {
                    return false
                }
                value = (value & 0x1F) << 6 | Int(spelling[index] & 0x3F)
                index += 1
            }
            guard value < bytes.count, bytes[value] >= 0 else { return false }
            result.append(UInt8(bytes[value]))
        }
        return true
    }
}

/// What pre-tokenizers need to know of a Unicode scalar.
///
/// By the Unicode version of Swift's standard library (17 in Swift 6.3). Scalars assigned in that version only may be
/// cut in another way by implementations with older tables; no others are.
enum ScalarClass: UInt8 {
    /// General category L: `\p{L}`.
    case letter
    /// General category N: `\p{N}`.
    case number
    /// Carriage return and line feed.
    case newline
    /// All other white space: `\s`.
    case space
    /// Everything else: `[^\s\p{L}\p{N}]`.
    case other

    var isWhitespace: Bool { self == .newline || self == .space }

    init(_ scalar: Unicode.Scalar) {
        if scalar.value < 128 {
            self = ScalarClass.ascii[Int(scalar.value)]
        } else {
            self = ScalarClass.slow(scalar)
        }
    }

    private static let ascii: [ScalarClass] = (0..<128).map { slow(Unicode.Scalar(UInt8($0))) }

    private static func slow(_ scalar: Unicode.Scalar) -> ScalarClass {
        if scalar == "\r" || scalar == "\n" { return .newline }
        let properties = scalar.properties
        if properties.isWhitespace { return .space }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return .other
        }
    }
}

/// Valid UTF-8, walked scalar by scalar.
struct ScalarScanner {
    let bytes: UnsafeBufferPointer<UInt8>

    /// The class of the scalar at this offset, and the offset behind it.
    func scalar(at offset: Int) -> (class: ScalarClass, end: Int) {
        let first = bytes[offset]
        if first < 0x80 { return (ScalarClass(Unicode.Scalar(first)), offset + 1) }
        let count = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        guard offset + count <= bytes.count else { return (.other, bytes.count) }
        var value = UInt32(first) & (0x7F >> UInt32(count))
        for index in 1..<count { value = value << 6 | UInt32(bytes[offset + index] & 0x3F) }
        guard let scalar = Unicode.Scalar(value) else { return (.other, offset + count) }
        return (ScalarClass(scalar), offset + count)
    }

    /// The class of the scalar at this offset; nil at the end.
    func classAt(_ offset: Int) -> ScalarClass? {
        offset < bytes.count ? scalar(at: offset).class : nil
    }

    /// The end of the run of scalars of this class from an offset, at most `limit` of them.
    func run(of wanted: ScalarClass, from start: Int, limit: Int = .max) -> Int {
        var offset = start
        var count = 0
        while offset < bytes.count, count < limit {
            let next = scalar(at: offset)
            guard next.class == wanted else { break }
            offset = next.end
            count += 1
        }
        return offset
    }

    func isByte(_ byte: Unicode.Scalar, at offset: Int) -> Bool {
        offset < bytes.count && bytes[offset] == UInt8(ascii: byte)
    }
}

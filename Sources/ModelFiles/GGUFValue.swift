/// The types of metadata values, with the numbers that stand for them in the file.
///
/// Source: `docs/gguf.md` of ggml, `gguf_metadata_value_type`.
package enum GGUFValueType: UInt32, Sendable, CaseIterable {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// Least number of bytes that a value takes: strings and arrays have at least their lengths.
    var minimumBytes: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }

    /// Whether every value takes `minimumBytes`.
    var hasFixedSize: Bool { self != .string && self != .array }
}

/// A metadata value. Text and arrays stay where they are in the file and are read on request.
package enum GGUFValue: Sendable, Equatable {
    /// Any unsigned integer type.
    case unsigned(UInt64)
    /// Any signed integer type.
    case signed(Int64)
    /// Either floating-point type.
    case float(Double)
    case bool(Bool)
    /// UTF-8 bytes at these offsets of the file; not yet checked to be valid.
    case string(Range<Int>)
    case array(GGUFArray)

    /// The value's type in words.
    var typeName: String {
        switch self {
        case .unsigned: "an unsigned integer"
        case .signed: "an integer"
        case .float: "a number with a fraction"
        case .bool: "true or false"
        case .string: "text"
        case .array(let array): "an array of \(array.count) \(array.elementType) values"
        }
    }
}

/// An array of metadata values as it lies in the file.
package struct GGUFArray: Sendable, Equatable {
    package let elementType: GGUFValueType
    package let count: Int
    /// Offsets of its elements in the file, all checked to lie inside.
    package let range: Range<Int>
}

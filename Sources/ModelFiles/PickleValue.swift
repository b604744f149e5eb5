/// What a pickle may build. Containers lie in the interpreter's tables, so that neither depth nor cycles cost anything.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    /// A whole number above 64 bits, as its bytes in the file.
    case long(Range<Int>)
    case float(Double)
    /// Text, not yet checked to be UTF-8, or bytes: offsets in the file.
    case text(Range<Int>)
    /// Its elements, as a range of `PickleInterpreter.elements`.
    case tuple(Range<Int>)
    /// A number in `PickleInterpreter.lists`.
    case list(Int)
    /// A number in `PickleInterpreter.dictionaries`.
    case dictionary(Int)
    /// A number in `PickleInterpreter.storages`.
    case storage(Int)
    /// A number in `PickleInterpreter.tensors`.
    case tensor(Int)
    case global(PickleGlobal)

    /// The value's kind in words.
    var kindName: String {
        switch self {
        case .none: "None"
        case .bool: "a truth value"
        case .integer, .long, .float: "a number"
        case .text: "text"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .global(let global): "the class \(global)"
        }
    }
}

/// The only classes and functions that a pickle may name.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storage(ElementType)

    /// The Python name, for those that are known.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _):
            guard let type = PickleGlobal.storages[name] else { return nil }
            self = .storage(type)
        default: return nil
        }
    }

    private static let storages: [String: ElementType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
        "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
        "BoolStorage": .bool,
    ]
}

/// A stretch of numbers that tensors share, as a pickle names it.
struct PickleStorage: Equatable {
    let type: ElementType
    /// The name of the entry, or the number, under which its bytes are found.
    let key: String
    /// Elements.
    let count: Int
}

/// A tensor as a pickle describes it: all indices lie inside its storage.
struct PickleTensor {
    /// A number in `PickleInterpreter.storages`.
    let storage: Int
    /// In elements.
    let offset: Int
    let shape: [Int]
    /// In elements, one per dimension.
    let strides: [Int]
    /// Elements; counted without overflow.
    let count: Int
}

/// Reads Python pickles of protocol 2 and above that hold nothing but tensors, containers, numbers and text.
///
/// A pickle is a program for a stack machine. Real ones may call any function; this one knows the few of `PickleGlobal`
/// and refuses the rest by name. Time and memory are linear in the pickle's length.
/// Source: `pickletools` of Python 3.11 for the opcodes, `torch/_utils.py` of PyTorch 2 for the calls.
struct PickleInterpreter {
    /// Ceilings far above any checkpoint's.
    enum Limit {
        static let bytes = 1 << 28
        static let stack = 1 << 16
        static let memo = 1 << 22
        static let tensors = 1 << 16
        static let dimensions = 16
    }

    let file: MappedFile
    /// Elements of all tuples, one behind the other.
    private(set) var elements: [PickleValue] = []
    var lists: [[PickleValue]] = []
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    private(set) var storages: [PickleStorage] = []
    var tensors: [PickleTensor] = []

    private var cursor: ByteCursor
    private let start: Int
    private var stack: [PickleValue] = []
    /// Where on the stack each open mark stands.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var storageNumbers: [String: Int] = [:]

    /// Reads from the beginning of a range of the file, which must lie inside.
    init(_ file: MappedFile, range: Range<Int>) throws(ModelFileError) {
        guard range.count <= Limit.bytes else {
            throw .tooLarge(
                path: file.path, what: "the pickle's length", found: UInt64(range.count), limit: UInt64(Limit.bytes))
        }
        self.file = file
        start = range.lowerBound
        cursor = ByteCursor(file, range: range)
    }

    /// The offset behind what was read.
    var end: Int { cursor.offset }

    /// Runs the program and returns what it leaves.
    mutating func run() throws(ModelFileError) -> PickleValue {
        while true {
            let opcode = try cursor.read(UInt8.self, "the pickle")
            if opcode == UInt8(ascii: ".") {
                let result = try pop()
                guard stack.isEmpty, marks.isEmpty else { throw malformed("nothing beside the result", "more values") }
                return result
            }
            try execute(opcode)
            guard stack.count <= Limit.stack, marks.count <= Limit.stack else {
                throw malformed("at most \(Limit.stack) open values", "more")
            }
        }
    }

    // MARK: Opcodes

    private mutating func execute(_ opcode: UInt8) throws(ModelFileError) {
        switch Unicode.Scalar(opcode) {
        case "\u{80}":
            let version = try number(UInt8.self)
            guard (2...5).contains(version) else { throw malformed("protocol 2 to 5", "protocol \(version)") }
        case "\u{95}": _ = try number(UInt64.self)
        case "(": marks.append(stack.count)
        case "0": try popOneOrMark()
        case "1": _ = try popToMark()
        case "2":
            let top = try pop()
            stack += [top, top]
        case "N": stack.append(.none)
        case "\u{88}": stack.append(.bool(true))
        case "\u{89}": stack.append(.bool(false))
        case "J": stack.append(.integer(Int(Int32(bitPattern: try number(UInt32.self)))))
        case "K": stack.append(.integer(Int(try number(UInt8.self))))
        case "M": stack.append(.integer(Int(try number(UInt16.self))))
        case "\u{8A}": stack.append(try longNumber(count: UInt64(try number(UInt8.self))))
        case "\u{8B}": stack.append(try longNumber(count: UInt64(try number(UInt32.self))))
        case "G":
            // The only big-endian number of the format.
            stack.append(.float(Double(bitPattern: try number(UInt64.self).byteSwapped)))
        case "X", "T", "B": try text(count: UInt64(try number(UInt32.self)))
        case "\u{8C}", "U", "C": try text(count: UInt64(try number(UInt8.self)))
        case "\u{8D}", "\u{8E}": try text(count: try number(UInt64.self))
        case "}":
            stack.append(.dictionary(dictionaries.count))
            dictionaries.append([])
        case "]":
            stack.append(.list(lists.count))
            lists.append([])
        case ")": stack.append(.tuple(0..<0))
        case "t": appendTuple(try popToMark())
        case "\u{85}": appendTuple(try popLast(1))
        case "\u{86}": appendTuple(try popLast(2))
        case "\u{87}": appendTuple(try popLast(3))
        case "l":
            stack.append(.list(lists.count))
            lists.append(try popToMark())
        case "d":
            stack.append(.dictionary(dictionaries.count))
            dictionaries.append(try pairs(popToMark()))
        case "a", "e":
            let values = opcode == UInt8(ascii: "a") ? try popLast(1) : try popToMark()
            guard case .list(let list)? = stack.last else { throw malformed("a list to append to", lastKind) }
            lists[list] += values
        case "s", "u":
            let values = opcode == UInt8(ascii: "s") ? try popLast(2) : try popToMark()
            guard case .dictionary(let dictionary)? = stack.last else {
                throw malformed("a dictionary to set items of", lastKind)
            }
            dictionaries[dictionary] += try pairs(values)
        case "q": try remember(Int(try number(UInt8.self)))
        case "r": try remember(Int(try number(UInt32.self)))
        case "\u{94}": try remember(memo.count)
        case "h": try recall(Int(try number(UInt8.self)))
        case "j": try recall(Int(try number(UInt32.self)))
        case "c":
            let module = try line()
            try global(module: module, name: try line())
        case "\u{93}":
            let names = try popLast(2)
            try global(module: try name(names[0]), name: try name(names[1]))
        case "Q": try persistentObject()
        case "R": try call()
        case "b": try build()
        default:
            throw .refusedPickle(
                path: file.path, what: "the opcode 0x\(String(opcode, radix: 16)) at byte \(cursor.offset - 1)")
        }
    }

    private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(ModelFileError) -> Number {
        try cursor.read(type, "the pickle")
    }

    private mutating func longNumber(count: UInt64) throws(ModelFileError) -> PickleValue {
        let range = try cursor.take(count, "the pickle")
        guard range.count <= 8 else { return .long(range) }
        var value: UInt64 = 0
        for (index, byte) in file.bytes[range].enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
        let unused = UInt64(64 - 8 * range.count)
        // Extends the sign; a number of no bytes is 0.
        return .integer(range.isEmpty ? 0 : Int(truncatingIfNeeded: value << unused) >> Int(unused))
    }

    private mutating func text(count: UInt64) throws(ModelFileError) {
        stack.append(.text(try cursor.take(count, "a text of the pickle")))
    }

    /// A name up to the end of its line.
    private mutating func line() throws(ModelFileError) -> String {
        let start = cursor.offset
        while try number(UInt8.self) != 0x0A {
            guard cursor.offset - start < 256 else { throw malformed("a name", "a longer text") }
        }
        return try name(.text(start..<cursor.offset - 1))
    }

    private mutating func remember(_ index: Int) throws(ModelFileError) {
        guard let top = stack.last else { throw malformed("a value to remember", "none") }
        guard memo.count < Limit.memo else { throw malformed("at most \(Limit.memo) remembered values", "more") }
        memo[index] = top
    }

    private mutating func recall(_ index: Int) throws(ModelFileError) {
        guard let value = memo[index] else { throw malformed("a remembered value", "none under \(index)") }
        stack.append(value)
    }

    // MARK: The stack

    /// The place below which the open mark's values do not reach.
    private var floor: Int { marks.last ?? 0 }

    private var lastKind: String { stack.last?.kindName ?? "nothing" }

    private mutating func pop() throws(ModelFileError) -> PickleValue {
        guard stack.count > floor, let top = stack.popLast() else { throw malformed("a value", "none") }
        return top
    }

    private mutating func popOneOrMark() throws(ModelFileError) {
        if marks.last == stack.count {
            marks.removeLast()
        } else {
            _ = try pop()
        }
    }

    private mutating func popLast(_ count: Int) throws(ModelFileError) -> [PickleValue] {
        guard stack.count - floor >= count else { throw malformed("\(count) values", "\(stack.count - floor)") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        return values
    }

    private mutating func popToMark() throws(ModelFileError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("a mark", "none") }
        let values = Array(stack[mark...])
        stack.removeLast(values.count)
        return values
    }

    private mutating func appendTuple(_ values: [PickleValue]) {
        stack.append(.tuple(elements.count..<elements.count + values.count))
        elements += values
    }

    private func pairs(_ values: [PickleValue]) throws(ModelFileError) -> [(key: PickleValue, value: PickleValue)] {
        guard values.count % 2 == 0 else { throw malformed("keys with values", "a key without") }
        return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
    }

    // MARK: Calls

    private mutating func global(module: String, name: String) throws(ModelFileError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .refusedPickle(path: file.path, what: "\(module).\(name)")
        }
        stack.append(.global(global))
    }

    /// `('storage', class, key, location, count)`, in old files with a view behind.
    private mutating func persistentObject() throws(ModelFileError) {
        guard case .tuple(let range) = try pop(), (5...6).contains(range.count) else {
            throw malformed("a storage's description", "something else")
        }
        let parts = Array(elements[range])
        guard case .text = parts[0], try name(parts[0]) == "storage", case .global(.storage(let type)) = parts[1],
            case .text = parts[2], case .integer(let count) = parts[4], count >= 0
        else { throw malformed("a storage's description", "something else") }
        if parts.count == 6 {
            guard case .none = parts[5] else { throw .refusedPickle(path: file.path, what: "a view of a storage") }
        }
        let storage = PickleStorage(type: type, key: try name(parts[2]), count: count)
        if let known = storageNumbers[storage.key] {
            guard storages[known] == storage else {
                throw malformed("one description of the storage \(storage.key)", "two that differ")
            }
            stack.append(.storage(known))
            return
        }
        storageNumbers[storage.key] = storages.count
        stack.append(.storage(storages.count))
        storages.append(storage)
    }

    private mutating func call() throws(ModelFileError) {
        let parts = try popLast(2)
        guard case .global(let function) = parts[0], case .tuple(let range) = parts[1] else {
            throw malformed("a function with its arguments", "\(parts[0].kindName) and \(parts[1].kindName)")
        }
        let arguments = Array(elements[range].prefix(8))
        switch function {
        case .orderedDictionary: try makeOrderedDictionary(arguments)
        case .rebuildTensor: try rebuildTensor(arguments)
        case .rebuildParameter:
            guard case .tensor(let index)? = arguments.first else {
                throw malformed("a tensor for the parameter", arguments.first?.kindName ?? "nothing")
            }
            stack.append(.tensor(index))
        case .storage: throw malformed("a function to call", "a class of storages")
        }
    }

    private mutating func makeOrderedDictionary(_ arguments: [PickleValue]) throws(ModelFileError) {
        var entries: [(key: PickleValue, value: PickleValue)] = []
        if case .list(let list)? = arguments.first {
            for item in lists[list] {
                switch item {
                case .list(let pair) where lists[pair].count == 2: entries.append((lists[pair][0], lists[pair][1]))
                case .tuple(let pair) where pair.count == 2:
                    entries.append((elements[pair.lowerBound], elements[pair.lowerBound + 1]))
                default: throw malformed("pairs for a dictionary", item.kindName)
                }
            }
        } else if let first = arguments.first {
            throw malformed("pairs for a dictionary", first.kindName)
        }
        stack.append(.dictionary(dictionaries.count))
        dictionaries.append(entries)
    }

    /// Attributes of a dictionary, such as the versions of a model's modules, are of no use here.
    private mutating func build() throws(ModelFileError) {
        _ = try pop()
        guard case .dictionary? = stack.last else {
            throw .refusedPickle(path: file.path, what: "attributes of \(lastKind)")
        }
    }

    // MARK: Errors

    /// A name as text.
    func name(_ value: PickleValue) throws(ModelFileError) -> String {
        guard case .text(let range) = value else { throw malformed("a name", value.kindName) }
        guard range.count <= 1024, let text = String(validating: file.bytes[range], as: UTF8.self) else {
            throw malformed("a name in UTF-8", "other bytes")
        }
        return text
    }

    func malformed(_ expected: String, _ found: String) -> ModelFileError {
        .malformed(
            path: file.path, what: "the pickle at byte \(max(0, cursor.offset - start - 1))", expected: expected,
            found: found)
    }

    /// Pushes what a call made.
    mutating func push(_ value: PickleValue) {
        stack.append(value)
    }
}

extension ExampleError: CustomStringConvertible {
    /// One line: what was wanted, what was found, and the remedy; free of control characters.
    package var description: String { SessionNaming.printable(sentence) }

    private var sentence: String {
        switch self {
        case .invalidName(let name):
            "\"\(name.prefix(120))\" is no name of a set: expected 1 to 100 letters, digits, dots, hyphens or underscores, "
                + "no dot first."
        case .noSuchSet(let name, let suggestion):
            "no set of examples \(name). "
                + (suggestion.map { "Did you mean \($0)?" } ?? "emuchat examples list shows those there are.")
        case .noSuchExample(let number, let set, let count):
            "\(set): no example \(number); "
                + (count == 0 ? "it is empty." : count == 1 ? "there is only 1." : "there are 1 to \(count).")
        case .inUse(let name): "the set \(name) is being changed by another emuchat. Try again when that is done."
        case .isEmpty(let name): "the set \(name) holds no examples. emuchat examples add \(name) … adds one."
        case .hasNoPictures(let name):
            "none of the examples of \(name) has a picture to compare. Use the set as a whole."
        case .file(let error): error.description
        }
    }
}

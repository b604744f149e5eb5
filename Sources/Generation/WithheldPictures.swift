/// What people are told of pictures that a model's safety checker lets nobody see.
package enum WithheldPictures {
    /// What would give another picture.
    package static let remedy = "Another seed or other words may give one that it lets pass"

    /// Such as `the model's safety checker withheld pictures 1 and 3 of 4. …`; `numbers`, from 1, are among the `count`
    /// pictures that were asked for.
    package static func words(_ numbers: [Int], of count: Int) -> String {
        let last = numbers.last.map { "\($0)" } ?? ""
        let list = numbers.dropLast().map { "\($0)" }.joined(separator: ", ")
        let which =
            count == 1
            ? "the picture"
            : numbers.count == 1 ? "picture \(last) of \(count)" : "pictures \(list) and \(last) of \(count)"
        return "the model's safety checker withheld \(which). \(remedy)"
    }
}

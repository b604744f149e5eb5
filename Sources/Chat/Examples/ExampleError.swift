/// Why something could not be done with examples.
package enum ExampleError: Error, Sendable, Equatable {
    case invalidName(String)
    case noSuchSet(String, suggestion: String?)
    case noSuchExample(number: Int, set: String, count: Int)
    case inUse(String)
    case isEmpty(String)
    /// None of the set's examples has a picture to compare.
    case hasNoPictures(String)
    case file(SessionError)
}

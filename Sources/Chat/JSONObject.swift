/// The members of a JSON object, in the order in which they stand in the text.
///
/// Objects of a session file have a few members each, which makes looking through them faster than a dictionary's hash.
package struct JSONObject: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
    private var members: [(key: String, value: JSONValue)] = []

    package init() {}

    /// Of members with the same key the last one counts.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        members.reserveCapacity(elements.count)
        for (key, value) in elements { self[key] = value }
    }

    package var isEmpty: Bool { members.isEmpty }
    package var count: Int { members.count }

    package func makeIterator() -> IndexingIterator<[(key: String, value: JSONValue)]> { members.makeIterator() }

    package subscript(key: String) -> JSONValue? {
        get { members.first { $0.key == key }?.value }
        set {
            guard let index = members.firstIndex(where: { $0.key == key }) else {
                if let newValue { members.append((key, newValue)) }
                return
            }
            if let newValue { members[index].value = newValue } else { members.remove(at: index) }
        }
    }

    /// Adds a member whose key the object does not have.
    mutating func append(_ key: String, _ value: JSONValue) {
        members.append((key, value))
    }

    /// Where a member stands; nil when there is none of that key.
    func index(of key: String) -> Int? { members.firstIndex { $0.key == key } }

    /// The member at a place.
    subscript(index: Int) -> (key: String, value: JSONValue) { members[index] }

    package func merging(_ other: JSONObject, _ combine: (JSONValue, JSONValue) -> JSONValue) -> JSONObject {
        var result = self
        for (key, value) in other { result[key] = result[key].map { combine($0, value) } ?? value }
        return result
    }

    /// Objects are equal whatever the order of their members.
    package static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.count == b.count && a.allSatisfy { b[$0.key] == $0.value }
    }
}

import Foundation
import Generation

/// What is searched for: words, all of which a session has to hold somewhere in its title or its messages.
///
/// Capitals, accents and the width of letters do not matter; a part of a word is enough; quotes join words.
package struct SessionQuery: Sendable {
    private let terms: [SearchTerm]
    /// All words as they were typed, when there are several.
    private let phrase: SearchTerm?

    /// Nil when there is nothing to search for.
    package init?(_ text: String) {
        var words = [String]()
        for (index, part) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
            if index % 2 == 1 {
                words.append(part.split(whereSeparator: \.isWhitespace).joined(separator: " "))
            } else {
                words += part.split(whereSeparator: \.isWhitespace).map(String.init)
            }
        }
        terms = words.map(SearchTerm.init).filter { !$0.bytes.isEmpty }
        guard !terms.isEmpty else { return nil }
        phrase = terms.count > 1 ? SearchTerm(words.joined(separator: " ")) : nil
    }

    /// Where a session holds what is searched for; nil when it does not.
    package func hit(name: String, _ session: Session) -> SessionHit? {
        let title = FoldedText(session.title)
        let inTitle = terms.map { title.occurrences(of: $0) }
        var missing = Set(terms.indices.filter { inTitle[$0].count == 0 })
        var candidates = [(index: Int, rank: Double)]()
        var occurrences = 0
        for (index, message) in session.messages.enumerated() {
            let text = FoldedText(message.text)
            var found = 0
            var rank = 0.0
            for (number, term) in terms.enumerated() {
                let here = text.occurrences(of: term)
                guard here.count > 0 else { continue }
                missing.remove(number)
                found += 1
                occurrences += here.count
                rank += here.startsWord ? 1.5 : 1
            }
            guard found > 0 else { continue }
            if let phrase, found == terms.count, text.occurrences(of: phrase).count > 0 { rank += Double(terms.count) }
            candidates.append((index, rank))
        }
        guard missing.isEmpty else { return nil }
        candidates.sort { ($0.rank, $1.index) > ($1.rank, $0.index) }
        let shown = Set(session.activeBranch.map(\.id))
        let matches = candidates.prefix(SessionHit.matchesShown).map { candidate -> SessionHit.Match in
            let message = session.messages[candidate.index]
            let excerpt = Excerpt(of: message.text, around: terms)
            return SessionHit.Match(
                messageID: message.id, role: message.role, isOnShownBranch: shown.contains(message.id),
                excerpt: excerpt.text, marks: excerpt.marks)
        }
        // Titles are short, so that a word in one says more; many occurrences say more than one, but not many times.
        let titleRank = inTitle.reduce(0) { $0 + ($1.count == 0 ? 0 : $1.startsWord ? 3 : 2) }
        let rank = Double(titleRank) + (candidates.first?.rank ?? 0) * 2 + log2(Double(1 + occurrences)) / 2
        return SessionHit(
            name: name, title: session.title, updated: session.updated, rank: rank, matches: matches,
            matchingMessages: candidates.count)
    }
}

/// A session that holds what was searched for.
package struct SessionHit: Sendable, Equatable {
    /// A message of the session, on whichever branch.
    package struct Match: Sendable, Equatable {
        package let messageID: Int
        package let role: Role
        /// Whether the message is on the branch that the session shows.
        package let isOnShownBranch: Bool
        /// The words around the first place, on one line.
        package let excerpt: String
        /// Where what was searched for stands in `excerpt`, in characters.
        package let marks: [Range<Int>]
    }

    /// At most so many messages of a session are told.
    package static let matchesShown = 3

    package let name: String
    package let title: String
    package let updated: Timestamp
    /// The higher, the better it fits.
    package let rank: Double
    /// The best ones, in falling order.
    package let matches: [Match]
    /// How many messages hold any of what was searched for.
    package let matchingMessages: Int
}

extension SessionStore {
    /// The sessions that hold all words of a text in their titles or on any of their branches, the best first, of equal
    /// ones the latest. Sessions that cannot be read are left out.
    package func search(_ text: String) throws(SessionError) -> [SessionHit] {
        guard let query = SessionQuery(text) else { return [] }
        let hits = try map { name, result -> SessionHit? in
            guard case .success(let session) = result else { return nil }
            return query.hit(name: name, session)
        }
        return hits.compactMap(\.self).sorted { ($0.rank, $0.updated, $1.name) > ($1.rank, $1.updated, $0.name) }
    }
}

/// Something to look for, as `FoldedText` spells it.
struct SearchTerm: Sendable {
    let bytes: [UInt8]

    init(_ text: String) { bytes = FoldedText(text).bytes }
}

/// Text without the differences that searching passes over, as UTF-8.
struct FoldedText {
    private(set) var bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
        var isASCII = true
        for index in bytes.indices {
            let byte = bytes[index]
            if byte >= 0x80 {
                isASCII = false
                break
            }
            // Words are found across line ends, too.
            if byte >= 0x41, byte <= 0x5A { bytes[index] = byte + 0x20 } else if byte < 0x20 { bytes[index] = 0x20 }
        }
        if !isASCII { bytes = Array(Self.folded(text).utf8) }
    }

    /// The same of any text, letter by letter: the folding of a text is that of its characters.
    static func folded(_ text: some StringProtocol) -> String {
        String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
            .folding(options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil).lowercased()
    }

    /// How often a term occurs, and whether a word begins with it somewhere.
    func occurrences(of term: SearchTerm) -> (count: Int, startsWord: Bool) {
        var (count, startsWord) = (0, false)
        bytes.withUnsafeBufferPointer { text in
            term.bytes.withUnsafeBufferPointer { term in
                guard let base = text.baseAddress, let wanted = term.baseAddress, let first = term.first else { return }
                var start = 0
                while text.count - start >= term.count,
                    let place = memchr(base + start, Int32(first), text.count - start - term.count + 1)
                {
                    let offset = UnsafeRawPointer(place) - UnsafeRawPointer(base)
                    guard memcmp(place, wanted, term.count) == 0 else {
                        start = offset + 1
                        continue
                    }
                    count += 1
                    startsWord = startsWord || offset == 0 || !Self.isWordByte(text[offset - 1])
                    start = offset + term.count
                }
            }
        }
        return (count, startsWord)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        byte >= 0x80 || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7A)
    }
}

/// A short piece of a text around the first place where something was found.
struct Excerpt {
    let text: String
    let marks: [Range<Int>]

    private static let charactersBefore = 30
    private static let length = 100

    init(of text: String, around terms: [SearchTerm]) {
        // Long texts are looked through in their first part only: an excerpt says where, not how often.
        var characters = [Character]()
        var spellings = [[UInt8]]()
        var wasSpace = true
        for character in SessionNaming.printable(text.prefix(100_000)) {
            let isSpace = character.isWhitespace
            if isSpace && wasSpace { continue }
            wasSpace = isSpace
            characters.append(isSpace ? " " : character)
            spellings.append(isSpace ? [0x20] : Self.spelling(character))
        }
        var places = [Range<Int>]()
        for start in characters.indices {
            for term in terms {
                if let end = Self.end(of: term.bytes, from: start, in: spellings) { places.append(start..<end) }
            }
        }
        let first = places.first?.lowerBound ?? 0
        let from = max(0, first - Self.charactersBefore)
        let to = min(characters.count, from + Self.length)
        let before = from > 0 ? "…" : ""
        self.text = before + String(characters[from..<to]) + (to < characters.count ? "…" : "")
        marks = places.filter { $0.lowerBound >= from && $0.upperBound <= to }.map {
            $0.lowerBound - from + before.count..<$0.upperBound - from + before.count
        }
    }

    private static func spelling(_ character: Character) -> [UInt8] {
        if let ascii = character.asciiValue { return [ascii >= 0x41 && ascii <= 0x5A ? ascii + 0x20 : ascii] }
        return Array(FoldedText.folded(String(character)).utf8)
    }

    /// The character behind a term that begins at a character; nil when it does not.
    private static func end(of term: [UInt8], from start: Int, in spellings: [[UInt8]]) -> Int? {
        var matched = 0
        var index = start
        while matched < term.count {
            guard index < spellings.count, !spellings[index].isEmpty,
                term[matched...].starts(with: spellings[index])
            else { return nil }
            matched += spellings[index].count
            index += 1
        }
        return index
    }
}

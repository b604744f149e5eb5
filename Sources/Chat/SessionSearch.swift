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
        find(name: name, session).map(hit)
    }

    /// A session in which everything was found, before anything is shown of it.
    struct Finding: Sendable {
        let name: String
        let session: Session
        let rank: Double
        /// Indices of the messages that hold any of it, the best first.
        let messages: [Int]
    }

    /// Whether and how well a session fits.
    func find(name: String, _ session: Session) -> Finding? {
        let title = FoldedText(session.title)
        let inTitle = terms.map { title.occurrences(of: $0) }
        var missing = Set(terms.indices.filter { inTitle[$0].count == 0 })
        var candidates = [(index: Int, rank: Double)]()
        var occurrences = 0
        for (index, message) in session.messages.enumerated() {
            let text = FoldedText(message.readableText)
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
        // Titles are short, so that a word in one says more; many occurrences say more than one, but not many times.
        let titleRank = inTitle.reduce(0) { $0 + ($1.count == 0 ? 0 : $1.startsWord ? 3 : 2) }
        let rank = Double(titleRank) + (candidates.first?.rank ?? 0) * 2 + log2(Double(1 + occurrences)) / 2
        return Finding(name: name, session: session, rank: rank, messages: candidates.map(\.index))
    }

    /// What is shown of a session that fits.
    func hit(_ finding: Finding) -> SessionHit {
        let session = finding.session
        let shown = Set(session.activeBranch.map(\.id))
        let matches = finding.messages.prefix(SessionHit.matchesShown).map { index -> SessionHit.Match in
            let message = session.messages[index]
            let excerpt = Excerpt(of: message.readableText, around: terms)
            return SessionHit.Match(
                messageID: message.id, role: message.role, isOnShownBranch: shown.contains(message.id),
                excerpt: excerpt.text, marks: excerpt.marks)
        }
        return SessionHit(
            name: finding.name, title: session.title, updated: session.updated, rank: finding.rank, matches: matches,
            matchingMessages: finding.messages.count)
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
    ///
    /// - Parameter limit: how many to return at most; all are counted.
    package func search(
        _ text: String, limit: Int = .max
    ) throws(SessionError) -> (hits: [SessionHit], count: Int) {
        guard let query = SessionQuery(text) else { return ([], 0) }
        var findings = try map { name, result -> SessionQuery.Finding? in
            guard case .success(let session) = result else { return nil }
            return query.find(name: name, session)
        }.compactMap(\.self)
        findings.sort { ($0.rank, $0.session.updated, $1.name) > ($1.rank, $1.session.updated, $0.name) }
        return (findings.prefix(limit).map(query.hit), findings.count)
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
        bytes = []
        bytes.reserveCapacity(text.utf8.count)
        var text = text
        text.withUTF8 { text in
            var index = 0
            while index < text.count {
                let byte = text[index]
                switch byte {
                // Words are found across line ends, too.
                case 0..<0x20: bytes.append(0x20)
                case 0x41...0x5A: bytes.append(byte + 0x20)
                case 0x20..<0x80: bytes.append(byte)
                default: index += appendScalar(at: index, of: text) - 1
                }
                index += 1
            }
        }
    }

    /// Adds the folding of a scalar beyond ASCII, and returns of how many bytes it is in the text.
    private mutating func appendScalar(at index: Int, of text: UnsafeBufferPointer<UInt8>) -> Int {
        // The text of a `String` is valid UTF-8.
        let length = text[index] < 0xE0 ? 2 : text[index] < 0xF0 ? 3 : 4
        var value = UInt32(text[index] & (0x7F >> UInt8(length)))
        for next in text[index + 1..<index + length] { value = value << 6 | UInt32(next & 0x3F) }
        if value < UInt32(Self.tableEnd) {
            bytes.append(contentsOf: Self.table[Int(value) - 0x80])
        } else if let scalar = Unicode.Scalar(value) {
            bytes.append(contentsOf: Self.folded(scalar))
        }
        return length
    }

    /// The folding of most letters of European languages.
    private static let table = (0x80..<tableEnd).map { value in Unicode.Scalar(value).map(folded) ?? [] }
    private static let tableEnd = 0x250

    /// A scalar without capitals, accents and width; nothing for an accent of its own.
    private static func folded(_ scalar: Unicode.Scalar) -> [UInt8] {
        if scalar.properties.generalCategory == .nonspacingMark { return [] }
        if scalar.properties.isWhitespace { return [0x20] }
        // Ideographs, emoji and Hangul, which most other text is made of, are as they are.
        if !scalar.properties.isCased && !scalar.properties.changesWhenNFKCCaseFolded {
            return Array(String(scalar).utf8)
        }
        return Array(
            String(scalar).folding(options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil)
                .lowercased().utf8)
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
        return FoldedText(String(character)).bytes
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

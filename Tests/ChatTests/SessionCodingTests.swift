import Chat
import Foundation
import Generation
import TestSupport
import Testing

struct SessionCodingTests {
    @Test func everythingSurvivesTheFile() throws {
        let session = try Examples.session()
        let bytes = session.json.prettyBytes
        #expect(try Session(bytes: bytes) == session)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("\"token_ids\": [11,12,13]"))
        #expect(text.contains("\"file\": \"media/\(Examples.digest).jpg\""))
    }

    @Test func answersFromBeforeAnythingCouldBeDroppedAreRead() throws {
        let json = try Examples.session().json.replacing("messages[2].answer.dropped", with: nil)
        let session = try Session(json: json)
        #expect(session.message(3)?.answer?.dropped == nil)
        #expect(session.json == json)
    }

    @Test func unknownFieldsSurviveARewriteAtEveryLevel() throws {
        let original = try Examples.session().json
        for object in original.objects {
            let path = object.path.isEmpty ? "later" : object.path + ".later"
            let extended = original.replacing(path, with: .array([.number("1.50"), .string("kept")]))
            #expect(extended != original)
            var session = try Session(bytes: extended.prettyBytes)
            #expect(session.json == extended, "\(path)")
            session.title = "another"
            #expect(session.json == extended.replacing("title", with: .string("another")), "\(path)")
        }
    }

    @Test(arguments: [
        ("format", JSONValue.string("other"), "format"), ("version", .integer(0), "version"),
        ("created", .string("yesterday"), "created"), ("active", .integer(99), "active"),
        ("messages", .null, "messages"), ("messages[3].id", .integer(2), "messages[3].id"),
        ("messages[1].parent", .integer(4), "messages[1].parent"),
        ("messages[1].parent", .integer(2), "messages[1].parent"),
        ("messages[0].role", .string("robot"), "messages[0].role"),
        ("messages[0].parts[0].type", .string("sound"), "messages[0].parts[0].type"),
        ("messages[0].parts[0].text", .integer(1), "messages[0].parts[0].text"),
        ("messages[1].parts[1].sha256", .string("ABC"), "messages[1].parts[1].sha256"),
        ("messages[1].parts[1].file", .string("../../etc/passwd"), "messages[1].parts[1].file"),
        ("messages[1].parts[1].width", .integer(0), "messages[1].parts[1].width"),
        ("messages[1].parts[3].frames[1].index", .integer(-1), "messages[1].parts[3].frames[1].index"),
        ("messages[2].answer.seed", .integer(-1), "messages[2].answer.seed"),
        ("messages[2].answer.finish_reason", .string("bored"), "messages[2].answer.finish_reason"),
        ("messages[2].answer.token_ids[1]", .integer(1 << 40), "messages[2].answer.token_ids[1]"),
        ("messages[2].answer.token_ids", .array([.integer(1)]), "messages[2].answer.token_milliseconds"),
        ("messages[2].answer.token_milliseconds[1]", .integer(1), "messages[2].answer.token_milliseconds[1]"),
        ("messages[2].answer.token_text_lengths[2]", .integer(7), "messages[2].answer.token_text_lengths"),
        ("messages[2].answer.token_text_lengths[2]", .integer(1 << 50), "messages[2].answer.token_text_lengths"),
        ("messages[2].answer.options.beams", .integer(0), "messages[2].answer.options.beams"),
        ("messages[2].answer.options.stop[0]", .null, "messages[2].answer.options.stop[0]"),
        ("messages[2].answer.dropped", .integer(1), "messages[2].answer.dropped"),
        ("messages[2].answer.dropped.turns", .integer(-1), "messages[2].answer.dropped.turns"),
        ("messages[2].answer.dropped.last_message", .integer(0), "messages[2].answer.dropped.last_message"),
        ("messages[2].answer.grounding", .integer(1), "messages[2].answer.grounding"),
        ("messages[2].answer.grounding.picture", .integer(0), "messages[2].answer.grounding.picture"),
        ("messages[2].role", .string("user"), "messages[2].answer"),
    ])
    func wrongFieldsAreNamed(_ path: String, _ value: JSONValue, _ reported: String) throws {
        let json = try Examples.session().json.replacing(path, with: value)
        do {
            _ = try Session(json: json)
            Issue.record("accepted")
        } catch {
            guard case .field(let path, _, _) = error else { throw error }
            #expect(path == reported)
        }
    }

    @Test func laterVersionsAreLeftAlone() throws {
        let json = try Examples.session().json.replacing("version", with: .integer(3))
        #expect(throws: SessionFormatError.newerVersion(found: 3, known: 2)) { try Session(json: json) }
    }

    @Test func errorsShowNoControlCharacters() throws {
        let json = try Examples.session().json.replacing("messages[0].role", with: .string("\u{1B}[2J"))
        do { _ = try Session(json: json) } catch {
            #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
            #expect(error.description.hasPrefix("messages[0].role: expected one of \"system\", \"user\""))
        }
    }

    @Test func branchesAreChosenAndNothingIsLost() throws {
        var session = try Examples.session()
        #expect(session.activeBranch.map(\.id) == [1, 2, 3, 5])
        #expect(session.siblings(of: 5) == [4, 5])
        session.show(leaf: session.latestLeaf(from: 4))
        #expect(session.activeBranch.map(\.id) == [1, 2, 3, 4])
        #expect(session.show(leaf: 77) == false)
        #expect(session.append(Message(id: 3, parent: nil, role: .user, created: Examples.start, parts: [])) == false)
        #expect(session.title == "What breed is and")
    }

    @Test func schemaDescribesWhatIsWritten() throws {
        let url = TestSupport.projectRoot.appendingPathComponent("sessions/session.schema.json")
        let schema = try JSONParser.parse(Array(try Data(contentsOf: url)))
        var check = SchemaCheck(root: schema)
        check.validate(try Examples.session().json, against: schema, path: "")
        #expect(check.problems == [])
        var (drawing, recording, drawn) = try Examples.drawing()
        recording.take(drawn)
        drawing.append(recording.message)
        check.validate(drawing.json, against: schema, path: "")
        #expect(check.problems == [])
        check.validate(try InterleavedAnswerTests.session().json, against: schema, path: "")
        #expect(check.problems == [])
        // And the schema describes nothing that is not written.
        #expect(check.unused == [])
        // The check can fail.
        check.validate(try Examples.session().json.replacing("created", with: .string("x")), against: schema, path: "")
        #expect(check.problems.count == 1)
    }

    @Test func mutatedFilesGiveAnErrorOrASession() throws {
        var generator = SeededGenerator(seed: 7)
        let original = try Examples.session().json.prettyBytes
        var accepted = 0
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1:
                    bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &generator)))
                case 2: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
                default: bytes.removeLast(bytes.count - max(1, place))
                }
            }
            if let session = try? Session(bytes: bytes) {
                accepted += 1
                _ = ReplayTimeline(session).messages(afterEvents: .max)
                #expect(try Session(bytes: session.json.prettyBytes) == session)
            }
        }
        #expect(accepted > 0)
    }
}

/// As much of JSON Schema as the project's schema uses; also notes which properties no value had.
private struct SchemaCheck {
    let root: JSONValue
    var problems: [String] = []
    private var used: Set<String> = []
    private var described: Set<String> = []

    init(root: JSONValue) { self.root = root }

    var unused: [String] { described.subtracting(used).sorted() }

    mutating func validate(_ value: JSONValue, against schema: JSONValue, path: String, name: String = "") {
        if case .string(let reference)? = schema["$ref"] {
            let key = String(reference.dropFirst("#/$defs/".count))
            guard let target = root["$defs"]?[key] else { return problems.append("\(path): no definition \(key)") }
            return validate(value, against: target, path: path, name: key)
        }
        if case .array(let choices)? = schema["oneOf"] {
            let attempts = choices.map { choice in
                var attempt = self
                attempt.problems = []
                attempt.validate(value, against: choice, path: path)
                return attempt
            }
            guard let fit = attempts.first(where: { $0.problems.isEmpty }) else {
                return problems.append("\(path): fits none")
            }
            (used, described) = (fit.used, fit.described)
            return
        }
        if let constant = schema["const"], constant != value { problems.append("\(path): not \(constant)") }
        if case .array(let choices)? = schema["enum"], !choices.contains(value) {
            problems.append("\(path): not a choice")
        }
        if let type = schema["type"], !matches(value, type) { problems.append("\(path): not \(type)") }
        if case .string(let pattern)? = schema["pattern"], case .string(let text) = value,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            problems.append("\(path): not \(pattern)")
        }
        if case .integer(let minimum)? = schema["minimum"], case .integer(let number) = value, number < minimum {
            problems.append("\(path): below \(minimum)")
        }
        if let elements = value.elements, let items = schema["items"] {
            for (index, element) in elements.enumerated() {
                validate(element, against: items, path: "\(path)[\(index)]", name: name + "[]")
            }
        }
        guard case .object(let members) = value, case .object(let properties)? = schema["properties"] else { return }
        described.formUnion(properties.map { "\(name).\($0.key)" })
        if case .array(let required)? = schema["required"] {
            for case .string(let key) in required where members[key] == nil { problems.append("\(path): no \(key)") }
        }
        for (key, member) in members {
            used.insert("\(name).\(key)")
            guard let property = properties[key] else {
                problems.append("\(path).\(key): not described")
                continue
            }
            validate(member, against: property, path: "\(path).\(key)", name: "\(name).\(key)")
        }
    }

    private func matches(_ value: JSONValue, _ type: JSONValue) -> Bool {
        if case .array(let types) = type { return types.contains { matches(value, $0) } }
        guard case .string(let name) = type else { return false }
        switch (value, name) {
        case (.null, "null"), (.bool, "boolean"), (.integer, "integer"), (.integer, "number"), (.number, "number"),
            (.string, "string"), (.array, "array"), (.integers, "array"), (.object, "object"):
            return true
        case (.number(let spelling), "integer"): return UInt64(spelling) != nil
        default: return false
        }
    }
}

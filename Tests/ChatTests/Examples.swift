import Chat
import Foundation
import Generation

enum Examples {
    static let start = Timestamp(milliseconds: 1_795_269_720_123)
    static let digest = String(repeating: "0123456789abcdef", count: 4)

    static func file(_ ending: String = "jpg") throws -> StoredFile {
        guard let file = StoredFile(sha256: digest, fileExtension: ending) else { throw SessionError.invalidName("") }
        return file
    }

    static func answer() -> Answer {
        var answer = Answer(
            model: Answer.Model(name: "Tiny", path: "/models/tiny.gguf", sha256: digest), template: "chatml",
            options: GenerationOptions(maximumTokens: 7, seed: 5, stopStrings: ["###"]), seed: .max, kernel: "avx2",
            precision: "exact",
            // Of messages that are not on the branch, so that nothing is missing from its prompt.
            dropped: Answer.Dropped(turns: 2, lastMessage: 77, pictures: 1, lastPictureMessage: 78), unseenMedia: [1],
            promptTokens: 41, reusedTokens: 3, continuedTokens: 1)
        answer.grounding = Answer.Grounding(picture: 1)
        return answer
    }

    /// A question for two pictures, of which one was drawn and one was stopped.
    static func drawing() throws -> (session: Session, recording: AnswerRecording, drawn: DrawnPictures) {
        var session = Session(created: start, application: "emuchat test")
        session.append(role: .user, parts: [.text("a red fox")], at: start)
        var answer = Answer(
            model: Answer.Model(name: "Emu2", path: "/models/gen", sha256: digest), template: "none",
            options: GenerationOptions(), seed: 42, kernel: "avx2", precision: "exact")
        let boxes = [DrawingBox("the fox [Image #1] 1 2 30 40"), DrawingBox("5 6 7 8")].compactMap(\.self)
        answer.drawing = Answer.Drawing(width: 512, height: 768, steps: 30, guidance: 7.5, count: 3, boxes: boxes)
        let recording = AnswerRecording(
            id: session.nextID, parent: session.activeLeaf, created: start.advanced(byMilliseconds: 1000),
            answer: answer)
        let pictures = try ["drawing-42.png", "drawing-43.png"].map { name in
            StoredImage(file: try file("png"), name: name, width: 512, height: 768, format: "PNG")
        }
        return (session, recording, DrawnPictures(pictures, endsInPreview: true, withheld: [2]))
    }

    static func recording(id: Int, parent: Int?) -> AnswerRecording {
        AnswerRecording(id: id, parent: parent, created: start.advanced(byMilliseconds: 4000), answer: answer())
    }

    static let tokens = [
        GeneratedToken(id: 11, logProbability: -0.5, text: "Zwei ", seconds: 0.25),
        GeneratedToken(id: 12, logProbability: -0.5, text: "", seconds: 0.3),
        GeneratedToken(id: 13, logProbability: -0.5, text: "Pudel 🐩", seconds: 0.4),
    ]

    /// Two turns with every kind of part, a branch, and one finished answer.
    static func session() throws -> Session {
        var session = Session(created: start, application: "emuchat test")
        session.append(role: .system, parts: [.text("Be brief.")], at: start)
        let image = StoredImage(file: try file(), name: "dog 2.jpg", width: 640, height: 480, format: "jpeg")
        let frames = [
            StoredVideo.Frame(file: try file("png"), seconds: 0.5, index: 3),
            StoredVideo.Frame(file: try file("png"), seconds: 1.25, index: 9),
        ]
        let video = StoredVideo(
            name: "clip.mp4", width: 32, height: 24, format: "MP4", seconds: 2.5, frameCount: 12, frames: frames)
        session.append(
            role: .user, parts: [.text("What breed is "), .image(image), .text(" and\nwho is in "), .video(video)],
            at: start.advanced(byMilliseconds: 1000))
        var recording = recording(id: session.nextID, parent: session.activeLeaf)
        for token in tokens {
            recording.append(id: token.id, text: token.text, milliseconds: Int(token.seconds * 1000))
        }
        recording.finish(.end, remainingText: ".", milliseconds: 450)
        session.append(recording.message)
        session.append(role: .user, parts: [.text("Sure?")], at: start.advanced(byMilliseconds: 60_000))
        session.show(leaf: 3)
        var thanks = Message(
            id: session.nextID, parent: 3, role: .user, created: start.advanced(byMilliseconds: 90_000),
            parts: [.text("Thanks")])
        thanks.example = "thanks"
        session.append(thanks)
        return session
    }
}

extension JSONValue {
    subscript(key: String) -> JSONValue? {
        get { if case .object(let members) = self { members[key] } else { nil } }
        set {
            guard case .object(var members) = self else { return }
            members[key] = newValue
            self = .object(members)
        }
    }

    subscript(index: Int) -> JSONValue {
        get { elements?[index] ?? .null }
        set {
            guard var elements else { return }
            elements[index] = newValue
            self = .array(elements)
        }
    }

    /// The value at a path such as `messages[1].parts[0].text`, replaced.
    func replacing(_ path: String, with value: JSONValue?) -> JSONValue {
        var result = self
        let steps = path.replacingOccurrences(of: "[", with: ".#").replacingOccurrences(of: "]", with: "")
            .split(separator: ".").map(String.init)
        result.replace(steps[...], value)
        return result
    }

    private mutating func replace(_ steps: ArraySlice<String>, _ value: JSONValue?) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        if step.hasPrefix("#"), let index = Int(step.dropFirst()) {
            if rest.isEmpty { self[index] = value ?? .null } else { self[index].replace(rest, value) }
        } else if rest.isEmpty {
            self[step] = value
        } else {
            self[step]?.replace(rest, value)
        }
    }

    /// All objects in the value, itself included, by path.
    var objects: [(path: String, members: JSONObject)] {
        switch self {
        case .object(let members):
            [("", members)]
                + members.flatMap { key, value in
                    value.objects.map {
                        (
                            path: key + ($0.path.isEmpty || $0.path.hasPrefix("[") ? "" : ".") + $0.path,
                            members: $0.members
                        )
                    }
                }
        case .array(let elements):
            elements.enumerated().flatMap { index, value in
                value.objects.map {
                    (
                        path: "[\(index)]" + ($0.path.isEmpty || $0.path.hasPrefix("[") ? "" : ".") + $0.path,
                        members: $0.members
                    )
                }
            }
        default: []
        }
    }
}

/// A fresh folder that goes with the test.
final class TemporaryFolder {
    let path: String
    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("emuchat-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    func write(_ bytes: some Sequence<UInt8>, _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path).appendingPathComponent(name))
    }
    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path).appendingPathComponent(name)))
    }
}

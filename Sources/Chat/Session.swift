import Generation

/// A conversation as its file holds it: a tree of messages, one branch of which is shown.
package struct Session: Sendable, Equatable {
    /// The version of the file format that this program writes.
    package static let formatVersion = 2

    package var title: String
    package var created: Timestamp
    package var updated: Timestamp
    /// Name and version of the program that wrote the file last.
    package var application: String
    /// In the order of creation: a parent stands before its children.
    package private(set) var messages: [Message]
    /// The last message of the branch that is shown; nil when there are no messages.
    package private(set) var activeLeaf: Int?
    /// Fields of the file that this version does not know.
    package var unknown: JSONObject

    package init(
        title: String = "", created: Timestamp, updated: Timestamp? = nil, application: String = "emuchat",
        unknown: JSONObject = [:]
    ) {
        self.title = title
        self.created = created
        self.updated = updated ?? created
        self.application = application
        self.unknown = unknown
        messages = []
        activeLeaf = nil
    }

    /// Takes messages that were checked: numbers unique, parents before children.
    mutating func adopt(messages: [Message], activeLeaf: Int?) {
        self.messages = messages
        self.activeLeaf = activeLeaf
    }

    /// The number that the next message will have.
    package var nextID: Int { messages.indices.reduce(0) { max($0, messages[$1].id) } + 1 }

    package func message(_ id: Int) -> Message? { index(of: id).map { messages[$0] } }

    /// Where a message stands; the last ones are asked for most.
    private func index(of id: Int) -> Int? { messages.indices.last { messages[$0].id == id } }

    /// Whether a message could be added: its number is free and its parent known.
    package func accepts(_ message: Message) -> Bool {
        message.id >= 1 && index(of: message.id) == nil && (message.parent.map { index(of: $0) != nil } ?? true)
    }

    /// Adds a message and shows the branch that ends in it; false when its number is taken or its parent unknown.
    ///
    /// The first message with words or pictures of the user gives the session its title.
    @discardableResult
    package mutating func append(_ message: Message) -> Bool {
        guard accepts(message) else { return false }
        messages.append(message)
        activeLeaf = message.id
        updated = max(updated, message.created)
        if title.isEmpty, message.role == .user, message.example == nil {
            title = SessionNaming.title(of: message.parts)
        }
        return true
    }

    /// Whether this is an earlier state of the session with messages added, a title given or a branch chosen.
    func continues(_ earlier: Session) -> Bool {
        messages.count >= earlier.messages.count && created == earlier.created && application == earlier.application
            && unknown == earlier.unknown
            && earlier.messages.indices.allSatisfy {
                messages[$0].id == earlier.messages[$0].id && messages[$0].created == earlier.messages[$0].created
            }
    }

    /// Adds many messages, as `append` adds each; one that does not fit ends it. Returns how many were added.
    @discardableResult
    package mutating func append(contentsOf more: [Message]) -> Int {
        var known = Set(messages.map(\.id))
        for (index, message) in more.enumerated() {
            guard message.id >= 1, message.parent.map({ known.contains($0) }) ?? true,
                known.insert(message.id).inserted
            else { return index }
            messages.append(message)
            activeLeaf = message.id
            updated = max(updated, message.created)
            if title.isEmpty, message.role == .user, message.example == nil {
                title = SessionNaming.title(of: message.parts)
            }
        }
        return more.count
    }

    /// Adds a message at the end of the branch that is shown, and returns its number.
    @discardableResult
    package mutating func append(role: Role, parts: [Part], at time: Timestamp) -> Int {
        let id = nextID
        append(Message(id: id, parent: activeLeaf, role: role, created: time, parts: parts))
        return id
    }

    /// Shows the branch that ends in a message (nil: before the first one); false when there is no such message.
    @discardableResult
    package mutating func show(leaf id: Int?) -> Bool {
        guard id.map({ message($0) != nil }) ?? true else { return false }
        activeLeaf = id
        return true
    }

    /// The messages from the first one to `leaf`.
    package func branch(to leaf: Int?) -> [Message] {
        let byID = Dictionary(messages.map { ($0.id, $0) }) { first, _ in first }
        var path = [Message]()
        var id = leaf
        // Parents stand before their children, so that this ends.
        while let current = id, let message = byID[current], path.count <= messages.count {
            path.append(message)
            id = message.parent
        }
        return path.reversed()
    }

    /// The messages that are shown.
    package var activeBranch: [Message] { branch(to: activeLeaf) }

    /// The alternatives to a message: all with the same parent, itself included, in the order of creation.
    package func siblings(of id: Int) -> [Int] {
        guard let message = message(id) else { return [] }
        return messages.filter { $0.parent == message.parent }.map(\.id)
    }

    /// The end of the branch that goes on from a message by its latest answers.
    package func latestLeaf(from id: Int) -> Int {
        var leaf = id
        for message in messages where message.parent == leaf { leaf = message.id }
        return leaf
    }
}

/// One message of the tree.
package struct Message: Sendable, Equatable {
    /// At least 1, unique in the session.
    package var id: Int
    /// The message that it follows; nil for a first one.
    package var parent: Int?
    package var role: Role
    package var created: Timestamp
    /// Of an example's question and answer, which nobody asked or generated: the name of the set that it is from, empty
    /// for one of none. Nil for all other messages.
    package var example: String?
    /// Words and pictures in the order in which they are read.
    package var parts: [Part] {
        get { content.parts }
        set { content = Content(parts: newValue, answer: content.answer, unknown: content.unknown) }
    }
    /// How an assistant's message came about; nil for all others.
    package var answer: Answer? {
        get { content.answer }
        set { content = Content(parts: content.parts, answer: newValue, unknown: content.unknown) }
    }
    package var unknown: JSONObject {
        get { content.unknown }
        set { content = Content(parts: content.parts, answer: content.answer, unknown: newValue) }
    }
    private var content: Content

    /// All that is long, shared by a message's copies, so that ten thousand messages are copied in no time.
    private final class Content: Sendable, Equatable {
        let parts: [Part]
        let answer: Answer?
        let unknown: JSONObject

        init(parts: [Part], answer: Answer?, unknown: JSONObject) {
            self.parts = parts
            self.answer = answer
            self.unknown = unknown
        }

        static func == (a: Content, b: Content) -> Bool {
            a === b || (a.parts == b.parts && a.answer == b.answer && a.unknown == b.unknown)
        }
    }

    package init(
        id: Int, parent: Int?, role: Role, created: Timestamp, parts: [Part], answer: Answer? = nil,
        unknown: JSONObject = [:]
    ) {
        self.id = id
        self.parent = parent
        self.role = role
        self.created = created
        content = Content(parts: parts, answer: answer, unknown: unknown)
    }

    /// The words alone, joined.
    package var text: String {
        parts.map { part in if case .text(let text) = part.content { text } else { "" } }.joined()
    }
}

extension Message {
    /// The words as people read them: of an answer that says where things are, without the marks that say so.
    package var readableText: String {
        let text = text
        guard role == .assistant, text.utf8.contains(UInt8(ascii: "<")), text.contains("<patch_index_") else {
            return text
        }
        return GroundedAnswer(text, numbered: false).text
    }
}

/// An element of a message.
package struct Part: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case text(String)
        case image(StoredImage)
        case video(StoredVideo)
        /// A picture of the model's own among the words of an answer.
        case predicted(PredictedPicture)
    }

    package var content: Content
    package var unknown: JSONObject

    package init(_ content: Content, unknown: JSONObject = [:]) {
        self.content = content
        self.unknown = unknown
    }

    package static func text(_ text: String) -> Part { Part(.text(text)) }
    package static func image(_ image: StoredImage) -> Part { Part(.image(image)) }
    package static func video(_ video: StoredVideo) -> Part { Part(.video(video)) }
}

/// A picture's file in the folder `media` beside the sessions.
package struct StoredFile: Hashable, Sendable {
    /// SHA-256 of the file's bytes, 64 lower-case hexadecimal digits.
    package let sha256: String
    /// 1 to 8 lower-case letters or digits, such as `jpg`.
    package let fileExtension: String

    /// Nil when either is not of that form.
    package init?(sha256: String, fileExtension: String) {
        guard FieldReader.isDigest(sha256), (1...8).contains(fileExtension.utf8.count),
            fileExtension.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) })
        else { return nil }
        self.sha256 = sha256
        self.fileExtension = fileExtension
    }

    /// The path as a session's `file` field says it, such as `media/0123….jpg`.
    package var relativePath: String { "media/\(sha256).\(fileExtension)" }
}

/// A picture of a message.
package struct StoredImage: Sendable, Equatable {
    package var file: StoredFile
    /// The name of the file that the user chose, without its folder; may be empty.
    package var name: String
    /// Size in pixels as displayed.
    package var width: Int
    package var height: Int
    /// The file's format, such as `jpeg`.
    package var format: String

    package init(file: StoredFile, name: String, width: Int, height: Int, format: String) {
        self.file = file
        self.name = name
        self.width = width
        self.height = height
        self.format = format
    }
}

/// A clip of a message, as the frames that were sampled from it.
package struct StoredVideo: Sendable, Equatable {
    package struct Frame: Sendable, Equatable {
        package var file: StoredFile
        /// Seconds from the clip's start.
        package var seconds: Double
        /// The frame's number in the clip, from 0.
        package var index: Int
        package var unknown: JSONObject

        package init(file: StoredFile, seconds: Double, index: Int, unknown: JSONObject = [:]) {
            self.file = file
            self.seconds = seconds
            self.index = index
            self.unknown = unknown
        }
    }

    package var name: String
    package var width: Int
    package var height: Int
    /// The container's name, such as `MP4`.
    package var format: String
    /// Length and number of frames of the whole clip.
    package var seconds: Double
    package var frameCount: Int
    package var frames: [Frame]

    package init(
        name: String, width: Int, height: Int, format: String, seconds: Double, frameCount: Int, frames: [Frame]
    ) {
        self.name = name
        self.width = width
        self.height = height
        self.format = format
        self.seconds = seconds
        self.frameCount = frameCount
        self.frames = frames
    }
}

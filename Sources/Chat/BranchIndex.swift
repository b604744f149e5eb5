import Generation

/// Which messages of a session stand in each other's place, on one branch each.
///
/// System texts are passed over: a question that was asked again under another system text is an alternative to the one
/// before, although it follows another message.
package struct BranchIndex: Sendable {
    /// A place in the conversation: behind a message that is no system text (nil: at the beginning), said by a role.
    private struct Place: Hashable {
        let anchor: Int?
        let role: Role
    }

    /// For each message the nearest one before it that is no system text.
    private var anchors: [Int: Int] = [:]
    private var isSystem: Set<Int> = []
    private var members: [Place: [Int]] = [:]

    /// - Parameter messages: in the order of creation, parents before their children.
    package init(_ messages: [Message]) {
        for message in messages { add(message) }
    }

    package init(_ session: Session) {
        self.init(session.messages)
    }

    /// Takes a message that was created after all others.
    package mutating func add(_ message: Message) {
        let anchor = anchor(behind: message.parent)
        anchors[message.id] = anchor
        if message.role == .system {
            isSystem.insert(message.id)
        } else {
            members[Place(anchor: anchor, role: message.role), default: []].append(message.id)
        }
    }

    /// The messages that stand in a message's place, itself included, in the order of creation; only itself for a
    /// system text.
    package func alternatives(to message: Message) -> [Int] {
        guard message.role != .system else { return [message.id] }
        return members[Place(anchor: anchors[message.id], role: message.role)] ?? [message.id]
    }

    /// The messages of the user that follow a branch's end (nil: the beginning), one on each branch.
    package func questions(behind leaf: Int?) -> [Int] {
        members[Place(anchor: anchor(behind: leaf), role: .user)] ?? []
    }

    private func anchor(behind id: Int?) -> Int? {
        guard let id else { return nil }
        return isSystem.contains(id) ? anchors[id] : id
    }
}

import Chat
import ChatUI
import Foundation
import Media

/// Shows a conversation that another process writes, as it grows, without changing it.
struct SessionFollower {
    let store: SessionStore
    let name: String

    /// Between two looks at the files; an answer's words come a few times per second.
    private static let interval = Duration.milliseconds(200)

    func run(_ look: Appearance) throws(CommandError) {
        let screen = try ChatScreen(look)
        defer { screen.stop() }
        let shelf = PictureShelf(store: store, colors: screen.previewColors)
        let mailbox = screen.mailbox
        let following = Task.detached { await follow(shelf, mailbox) }
        defer { following.cancel() }
        var state = AppState(
            setting: .current, size: screen.size, now: Date().timeIntervalSince1970, model: .absent)
        // Who only looks on asks for pictures and nothing else.
        screen.run(&state) { shelf.draw($0, then: mailbox.post) }
    }

    private func follow(_ shelf: PictureShelf, _ mailbox: ActionMailbox) async {
        var shown: (change: SessionChange?, note: String)?
        var pictures = -1
        var items = [ConversationItem]()
        while !Task.isCancelled {
            let (change, note) = (store.lastChange(name), note())
            if shown == nil || shown?.change != change {
                // A file that is being replaced is read at the next look.
                if let session = try? store.load(name) {
                    let conversation = ConversationMapping(session.activeBranch, branches: BranchIndex(session))
                    if conversation.pictures.count != pictures {
                        shelf.adopt(conversation.storedMedia)
                        mailbox.post(.conversationOpened(conversation.opened(name: name)))
                        pictures = conversation.pictures.count
                    }
                    items = conversation.items
                }
            }
            if shown?.change != change || shown?.note != note {
                let status = ReplayStatus(position: 0, duration: 0, speed: 1, isPaused: true, liveNote: note)
                mailbox.post(.replayAdvanced(status, items: items))
            }
            shown = (change, note)
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func note() -> String {
        guard let writer = store.writer(of: name) else {
            return "read only; the other emuchat has ended: emuchat --session \(name) goes on"
        }
        return "read only: another emuchat\(writer.processID.map { " (process \($0))" } ?? "") writes this"
    }
}

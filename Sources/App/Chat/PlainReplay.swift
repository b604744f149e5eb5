import Chat
import ChatUI
import Foundation

/// Plays a timeline as lines of text, for pipes and screen readers: what the screen would show, as `PlainTranscript`
/// writes it.
struct PlainReplay {
    private var player: ReplayPlayer
    private var state: AppState
    private var transcript = PlainTranscript()

    /// - Parameters:
    ///   - leaf: the last message of the branch; the one that is shown when nil.
    ///   - speed: how much faster than it was.
    init(session: Session, leaf: Int?, speed: Double) {
        player = ReplayPlayer(session: session, leaf: leaf, speed: speed, now: Self.now)
        state = AppState(setting: .current, size: PlainChat.size, now: player.startedAt, model: .absent)
    }

    /// All that a timeline comes to, at once.
    static func text(of timeline: ReplayTimeline) -> String {
        let messages = timeline.messages(afterEvents: timeline.events.count)
        var state = AppState(setting: .current, size: PlainChat.size, now: now, model: .absent)
        _ = reduce(into: &state, .conversationOpened(ConversationMapping(messages).opened(name: nil)))
        var transcript = PlainTranscript()
        return transcript.update(state)
    }

    mutating func run() async throws {
        while true {
            let step = player.advance(to: Self.now)
            if var conversation = step.branch?.opened(name: nil) {
                // Its pictures are known from the start, its messages come in their time.
                conversation.items = []
                _ = reduce(into: &state, .conversationOpened(conversation))
            }
            if let action = step.action {
                _ = reduce(into: &state, action)
                try StandardOutput.write(transcript.update(state))
            }
            guard let next = step.nextIn else { return }
            try await Task.sleep(for: .seconds(max(next, Self.leastPause)))
        }
    }

    /// Words that come faster than these seconds apart are written together.
    private static let leastPause = 0.01

    private static var now: Double { Date().timeIntervalSince1970 }
}

import Chat
import ChatUI

/// Plays a session on the chat screen: where it stands, and what its keys do.
struct ReplayPlayer {
    let startedAt: Double
    private let session: Session
    private let branches: BranchIndex
    private var timeline: ReplayTimeline
    /// The branch that is played, with all its pictures, until the screen has been told of it.
    private var newBranch: ConversationMapping?
    private var clock: ReplayClock
    /// What the screen was last told.
    private var shownEvents: Int?
    private var shownStatus: ReplayStatus?
    private var shownAnswer: ConversationItem.ID?

    /// The step by which a key changes the speed.
    private static let speedStep = 2.0

    /// - Parameters:
    ///   - leaf: the end of the branch to begin with; the one that the session shows when nil.
    ///   - now: seconds since 1970, as for all other times here.
    init(session: Session, leaf: Int?, speed: Double, now: Double) {
        self.session = session
        branches = BranchIndex(session)
        timeline = ReplayTimeline(session, to: leaf)
        newBranch = ConversationMapping(session.branch(to: leaf ?? session.activeLeaf), branches: branches)
        clock = ReplayClock(speed: speed, now: now)
        startedAt = now
    }

    /// What the screen has to be told at a moment.
    struct Step {
        /// The branch whose pictures are needed from now on; nil when it is the one before.
        var branch: ConversationMapping?
        var action: Action?
        /// Seconds until there will be more; nil when only a key brings more.
        var nextIn: Double?
    }

    mutating func advance(to now: Double) -> Step {
        let position = min(clock.position(now: now), timeline.durationMilliseconds)
        let count = timeline.eventCount(atMilliseconds: position)
        var status = ReplayStatus(
            position: Double(position) / 1000, duration: Double(timeline.durationMilliseconds) / 1000,
            speed: clock.speed, isPaused: clock.isPaused)
        status.answering = shownAnswer
        var step = Step()
        if count < timeline.events.count {
            step.nextIn = clock.delay(untilMilliseconds: timeline.events[count].milliseconds, now: now)
        }
        guard newBranch != nil || count != shownEvents || status != shownStatus else { return step }
        let messages = timeline.messages(afterEvents: count)
        shownAnswer = messages.last.flatMap { $0.answer != nil && $0.answer?.finishReason == nil ? $0.id : nil }
        status.answering = shownAnswer
        shownEvents = count
        shownStatus = status
        (step.branch, newBranch) = (newBranch, nil)
        let items = ConversationMapping(messages, branches: branches).items
        step.action = .replayAdvanced(status, items: items)
        return step
    }

    /// Goes on with the branch through a message, from where that begins.
    private mutating func show(branchThrough message: Int, now: Double) {
        guard session.message(message) != nil else { return }
        let leaf = session.latestLeaf(from: message)
        timeline = ReplayTimeline(session, to: leaf)
        newBranch = ConversationMapping(session.branch(to: leaf), branches: branches)
        clock.seek(toMilliseconds: timeline.milliseconds(ofMessage: message) ?? 0, now: now)
    }

    mutating func perform(_ command: ChatUI.ReplayCommand, now: Double) {
        let position = min(clock.position(now: now), timeline.durationMilliseconds)
        let turn = timeline.turn(atMilliseconds: position)
        switch command {
        case .togglePause:
            // At the end there is nothing to pause: it begins again.
            if position >= timeline.durationMilliseconds {
                clock.seek(toMilliseconds: 0, now: now)
                clock.setPaused(false, now: now)
            } else {
                clock.setPaused(!clock.isPaused, now: now)
            }
        case .previousTurn:
            // Within its first second a turn counts as the one before, as players do.
            let start = timeline.milliseconds(ofTurn: turn)
            let target = position - start < 1000 ? max(0, turn - 1) : turn
            clock.seek(toMilliseconds: timeline.milliseconds(ofTurn: target), now: now)
        case .nextTurn:
            let isLast = turn + 1 >= timeline.turnStarts.count
            clock.seek(
                toMilliseconds: isLast ? timeline.durationMilliseconds : timeline.milliseconds(ofTurn: turn + 1),
                now: now)
        case .faster:
            clock.setSpeed(clock.speed * Self.speedStep, now: now)
        case .slower:
            clock.setSpeed(clock.speed / Self.speedStep, now: now)
        case .showBranch(let message):
            show(branchThrough: message, now: now)
        case .leave:
            break
        }
    }
}

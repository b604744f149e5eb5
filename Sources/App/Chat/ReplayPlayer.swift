import Chat
import ChatUI

/// Plays a timeline on the chat screen: where it stands, and what its keys do.
struct ReplayPlayer {
    let startedAt: Double
    private let timeline: ReplayTimeline
    private var clock: ReplayClock
    /// What the screen was last told.
    private var shownEvents: Int?
    private var shownStatus: ReplayStatus?

    /// The step by which a key changes the speed.
    private static let speedStep = 2.0

    /// - Parameter now: seconds since 1970, as for all other times here.
    init(timeline: ReplayTimeline, speed: Double, now: Double) {
        self.timeline = timeline
        clock = ReplayClock(speed: speed, now: now)
        startedAt = now
    }

    /// What the screen has to be told now, if anything, and in how many seconds there will be more.
    mutating func advance(to now: Double) -> (action: Action?, nextIn: Double?) {
        let position = min(clock.position(now: now), timeline.durationMilliseconds)
        let count = timeline.eventCount(atMilliseconds: position)
        let status = ReplayStatus(
            position: Double(position) / 1000, duration: Double(timeline.durationMilliseconds) / 1000,
            speed: clock.speed, isPaused: clock.isPaused)
        var next: Double?
        if count < timeline.events.count {
            next = clock.delay(untilMilliseconds: timeline.events[count].milliseconds, now: now)
        }
        guard count != shownEvents || status != shownStatus else { return (nil, next) }
        shownEvents = count
        shownStatus = status
        let items = ConversationMapping(timeline.messages(afterEvents: count)).items
        return (.replayAdvanced(status, items: items), next)
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
        case .leave:
            break
        }
    }
}

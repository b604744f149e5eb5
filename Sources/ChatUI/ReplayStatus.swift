/// How far a replay has come.
package struct ReplayStatus: Hashable, Sendable {
    /// Seconds of the session's own time.
    package var position: Double
    package var duration: Double
    package var speed: Double
    package var isPaused: Bool
    /// The item of an answer whose words are still coming.
    package var answering: ConversationItem.ID?
    /// What stands in the bar instead, when the conversation is followed while another process writes it.
    package var liveNote: String?

    package init(position: Double, duration: Double, speed: Double, isPaused: Bool, liveNote: String? = nil) {
        self.position = position
        self.duration = duration
        self.speed = speed
        self.isPaused = isPaused
        self.liveNote = liveNote
    }
}

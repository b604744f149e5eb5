import Chat
import ChatUI
import Generation

/// Plays a timeline as lines of text: roles in words, nothing drawn twice, for pipes and screen readers.
struct PlainReplay {
    let timeline: ReplayTimeline
    /// How much faster than it was; infinite for all at once.
    let speed: Double

    init(timeline: ReplayTimeline, speed: Double) {
        self.timeline = timeline
        self.speed = speed
    }

    func run() async throws {
        let began = ContinuousClock.now
        var media = MediaCount()
        var dropped: Answer.Dropped?
        for event in timeline.events {
            let due = began + .milliseconds(Int((Double(event.milliseconds) / speed).rounded()))
            if due > .now { try await Task.sleep(until: due, clock: .continuous) }
            try show(event, &media, &dropped)
        }
    }

    private static func speaker(_ role: Role) -> String {
        switch role {
        case .user: "you:"
        case .assistant: "emuchat:"
        case .system: "system:"
        }
    }

    /// The pictures and clips so far, which are numbered together.
    private struct MediaCount {
        var count = 0
        var clips: Set<Int> = []

        /// How one is written in text.
        func name(_ number: Int) -> String { Picture.placeholder(number, isClip: clips.contains(number)) }
    }

    private func show(_ event: ReplayEvent, _ media: inout MediaCount, _ dropped: inout Answer.Dropped?)
        throws(CommandError)
    {
        switch event.kind {
        case .messageAppeared(let message):
            try StandardOutput.write(Self.speaker(message.role) + "\n")
            for part in message.parts {
                switch part.content {
                case .text(let text):
                    try StandardOutput.write(text + "\n")
                case .image(let image):
                    media.count += 1
                    try StandardOutput.write(
                        "image \(media.count): \(image.name), \(image.width) by \(image.height)\n")
                case .video(let video):
                    // Numbered as one, as on the screen.
                    if !video.frames.isEmpty {
                        media.count += 1
                        media.clips.insert(media.count)
                    }
                    try StandardOutput.write("video \(media.count): \(video.name), \(video.frames.count) frames\n")
                }
            }
        case .answerBegan(let message):
            try StandardOutput.write("emuchat:\n")
            if let now = message.answer?.dropped, now != dropped {
                try StandardOutput.write("(\(OverflowText.leftOut(turns: now.turns, pictures: now.pictures)))\n")
            }
            dropped = message.answer?.dropped
            for number in message.answer?.unseenMedia ?? [] {
                try StandardOutput.write("did not see \(media.name(number))\n")
            }
        case .textAdded(_, _, let text):
            try StandardOutput.write(text)
        case .answerEnded(_, let reason, let wasInterrupted):
            try StandardOutput.write("\n")
            if wasInterrupted {
                try StandardOutput.write("(interrupted)\n")
            } else if reason == .cancelled {
                try StandardOutput.write("(stopped)\n")
            } else if reason == .length {
                try StandardOutput.write("(cut short)\n")
            }
        }
    }
}

import Chat
import ChatUI
import Generation
import Screen

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
        var grounded: (answer: GroundedAnswer, picture: Int?)?
        for event in timeline.events {
            let due = began + .milliseconds(Int((Double(event.milliseconds) / speed).rounded()))
            if due > .now { try await Task.sleep(until: due, clock: .continuous) }
            var event = event.kind
            if case .answerBegan(let message) = event {
                grounded = message.answer?.grounding.map { (GroundedAnswer(), $0.picture) }
            }
            if case .textAdded(let id, let index, let text) = event, grounded != nil {
                event = .textAdded(messageID: id, tokenIndex: index, text: grounded?.answer.append(text) ?? text)
            }
            var places: [GroundedLine] = []
            if case .answerEnded = event, grounded != nil {
                try StandardOutput.write(grounded?.answer.finish() ?? "")
                places = grounded.map { media.lines($0.answer, of: $0.picture) } ?? []
            }
            try show(event, &media, &dropped, places)
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
        var sizes: [Int: (width: Int, height: Int)] = [:]

        /// How one is written in text.
        func name(_ number: Int) -> String { Picture.placeholder(number, isClip: clips.contains(number)) }

        func lines(_ answer: GroundedAnswer, of picture: Int?) -> [GroundedLine] {
            let size = picture.flatMap { sizes[$0] }
            return answer.lines(
                pictureName: size.flatMap { _ in picture }.map(name), width: size?.width ?? 0,
                height: size?.height ?? 0)
        }
    }

    private func show(
        _ event: ReplayEvent.Kind, _ media: inout MediaCount, _ dropped: inout Answer.Dropped?,
        _ places: [GroundedLine]
    ) throws(CommandError) {
        switch event {
        case .messageAppeared(let message):
            let isExample = message.example != nil
            let speaker = isExample ? message.role == .user ? "example:" : "its answer:" : Self.speaker(message.role)
            try StandardOutput.write(speaker + "\n")
            for part in message.parts {
                switch part.content {
                case .text(let text):
                    try StandardOutput.write(text + "\n")
                case .image(let image):
                    media.count += 1
                    media.sizes[media.count] = (image.width, image.height)
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
            for line in places {
                let number = line.number.map { "\($0) " } ?? ""
                try StandardOutput.write(number + SanitizedText.clean(line.text, newlines: .joined) + "\n")
            }
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

import ArgumentParser
import Chat
import ChatUI
import Foundation
import Generation
import Media

/// `emuchat replay`: a session played back as it was; no model is needed.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Play a conversation back with its timing.",
        discussion: "On a terminal the chat screen is used, elsewhere, or with --plain, lines of text.")

    @OptionGroup var folders: SessionArguments
    @OptionGroup var appearance: AppearanceArguments

    @Argument(help: "The session's name or path.")
    var name: String

    @Option(help: ArgumentHelp("Faster (2) or slower (0.5) than it was.", valueName: "x"))
    var speed = 1.0

    @Flag(help: "Write lines of text instead of using the chat screen.")
    var plain = false

    func validate() throws {
        if !ReplayClock.speeds.contains(speed) {
            throw ValidationError(
                "--speed must be \(ReplayClock.speeds.lowerBound) to \(ReplayClock.speeds.upperBound).")
        }
    }

    func run() async throws {
        let session: Session
        let store: SessionStore
        do throws(SessionError) {
            store = try folders.store.locate(name).store
            session = try folders.store.load(name)
        } catch { throw CommandError.failed(error.description) }
        let timeline = ReplayTimeline(session)
        guard !timeline.events.isEmpty else { throw CommandError.failed("\(name): holds no messages to play back.") }
        if plain || !StandardOutput.isTerminal || !StandardInput.isTerminal {
            try await PlainReplay(timeline: timeline, speed: speed).run()
        } else {
            try play(timeline, session, store, appearance.appearance(appearance.configuration()))
        }
    }

    private func play(_ timeline: ReplayTimeline, _ session: Session, _ store: SessionStore, _ look: Appearance) throws
    {
        let screen = try ChatScreen(look)
        defer { screen.stop() }
        let shelf = PictureShelf(store: store, colors: screen.previewColors)
        var player = ReplayPlayer(timeline: timeline, speed: speed, now: Date().timeIntervalSince1970)
        let whole = ConversationMapping(session.activeBranch)
        shelf.adopt(whole.storedMedia)
        var state = AppState(setting: .current, size: screen.size, now: player.startedAt, model: .absent)
        let mailbox = screen.mailbox
        mailbox.post(.conversationOpened(whole.opened(name: name)))
        screen.run(&state, advance: { now in player.advance(to: now) }) { effect in
            switch effect {
            case .renderPreview(let number, let size):
                Task.detached { if let action = shelf.preview(number: number, size: size) { mailbox.post(action) } }
            case .renderStrip(let number, let layout):
                Task.detached { if let action = shelf.strip(number: number, layout) { mailbox.post(action) } }
            case .replay(let command):
                player.perform(command, now: Date().timeIntervalSince1970)
            default:
                break
            }
        }
    }
}

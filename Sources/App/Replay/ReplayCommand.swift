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
        abstract: "Play a conversation back with its timing, or verify that its answers come out again.",
        discussion: """
            On a terminal the chat screen is used, elsewhere, or with --plain, lines of text. With --verify every answer \
            of every branch is generated again from its own inputs, options and seed; the status is 0 when all agree, \
            1 when one differs, 3 when one cannot be verified.
            """)

    @OptionGroup var folders: SessionArguments
    @OptionGroup var appearance: AppearanceArguments
    @OptionGroup var branch: BranchArguments

    @Argument(help: "The session's name or path.")
    var name: String

    @Option(help: ArgumentHelp("Faster (2) or slower (0.5) than it was.", valueName: "x"))
    var speed = 1.0

    @Flag(help: "Write lines of text instead of using the chat screen.")
    var plain = false

    @Flag(help: "Generate every answer again, and compare the tokens.")
    var verify = false

    @Option(help: ArgumentHelp("With --verify: where the model's file is now.", valueName: "file"))
    var model: String?

    @Option(help: ArgumentHelp("With --verify: threads to compute on.", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if !verify && (model != nil || threads != nil) {
            throw ValidationError("--model and --threads are for --verify: a replay needs no model.")
        }
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256.") }
        if !ReplayClock.speeds.contains(speed) {
            throw ValidationError(
                "--speed must be \(ReplayClock.speeds.lowerBound) to \(ReplayClock.speeds.upperBound).")
        }
    }

    func run() async throws {
        let store = try withSessionErrors { () throws(SessionError) in try folders.store.locate(name).store }
        let session = try folders.read(name)
        if verify {
            return try await ReplayVerification(
                session: session, store: store, name: name,
                modelPath: model.map { ($0 as NSString).expandingTildeInPath },
                threadCount: threads
            ).run()
        }
        let leaf = try branch.leaf(of: session)
        let timeline = ReplayTimeline(session, to: leaf)
        guard !timeline.events.isEmpty else { throw CommandError.failed("\(name): holds no messages to play back.") }
        if plain || !StandardOutput.isTerminal || !StandardInput.isTerminal {
            var replay = PlainReplay(session: session, leaf: leaf, speed: speed)
            try await replay.run()
        } else {
            try play(session, leaf, store, appearance.appearance(appearance.configuration()))
        }
    }

    private func play(_ session: Session, _ leaf: Int?, _ store: SessionStore, _ look: Appearance) throws {
        let screen = try ChatScreen(look)
        defer { screen.stop() }
        let shelf = PictureShelf(store: store, colors: screen.previewColors)
        var player = ReplayPlayer(session: session, leaf: leaf, speed: speed, now: Date().timeIntervalSince1970)
        var state = AppState(setting: .current, size: screen.size, now: player.startedAt, model: .absent)
        let mailbox = screen.mailbox
        func advance(to now: Double) -> (actions: [Action], nextIn: Double?) {
            let step = player.advance(to: now)
            var actions = [Action]()
            if let branch = step.branch {
                shelf.adopt(branch.storedMedia)
                var conversation = branch.opened(name: name)
                // Keys choose among what has been played, not what may follow.
                conversation.continuations = []
                actions.append(.conversationOpened(conversation))
            }
            if let action = step.action { actions.append(action) }
            return (actions, step.nextIn)
        }
        screen.run(&state, advance: advance) { effect in
            if case .replay(let command) = effect {
                player.perform(command, now: Date().timeIntervalSince1970)
            } else {
                shelf.draw(effect, then: mailbox.post)
            }
        }
    }
}

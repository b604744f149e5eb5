import ChatUI
import Configuration
import Foundation
import Media
import Screen
import Synchronization
import Terminal

/// The terminal and the one event loop: keys and posted actions go through the reducer, frames come out.
///
/// Runs on the main thread, which does nothing else meanwhile. Others reach it by `mailbox`.
final class ChatScreen {
    let mailbox: ActionMailbox
    private let terminal: Terminal
    private let themes: ThemeCatalog
    private var theme: Theme
    private var themeName: String
    private let log = LogFile()
    private var isFinished = false

    /// While text streams, frames this many seconds apart: faster than eyes, slower than a fast model's tokens.
    private static let frameInterval = 0.016
    /// Seconds between ticks while time shows on the screen.
    private static let tickInterval = 0.1

    /// Takes the terminal over; standard error goes to the log file until `stop`.
    init(_ appearance: Appearance) throws(CommandError) {
        do {
            terminal = try Terminal(
                log: log.descriptor < 0 ? nil : log.descriptor,
                crashMessage: "emuchat has crashed. The log is \(log.path)\n",
                environment: ProcessInfo.processInfo.environment)
        } catch { throw .failed(error.description) }
        log.receiveLibraryMessages()
        let waker = terminal.waker
        mailbox = ActionMailbox { waker.wake() }
        themes = appearance.themes
        themeName = appearance.themeName
        theme = appearance.theme.theme(for: terminal.colorDepth)
    }

    var size: Size { terminal.size }

    var previewColors: PreviewColors {
        switch terminal.colorDepth {
        case .direct: .trueColor
        case .palette256: .palette256
        case .sixteen, .eight: .palette16
        case .none: .none
        }
    }

    /// Gives the terminal back.
    func stop() {
        log.dropLibraryMessages()
        terminal.stop()
    }

    /// Runs until `quit` is among the effects. `perform` gets every other effect that is not the screen's own.
    ///
    /// `advance` brings what happens by the clock alone, such as a replay: given the time, in seconds since 1970, it
    /// returns what has happened, and in how many seconds there will be more. `shown` is called after each frame has
    /// reached the terminal.
    func run(
        _ state: inout AppState, advance: (Double) -> (actions: [Action], nextIn: Double?) = { _ in ([], nil) },
        shown: (AppState) -> Void = { _ in },
        perform: (Effect) -> Void
    ) {
        isFinished = false
        terminal.show(view(state, theme: theme))
        var lastFrame = Self.now
        var isDirty = false
        var nextIn: Double? = 0
        while !isFinished {
            let wanted = [timeout(state, isDirty: isDirty, since: lastFrame), nextIn].compactMap(\.self).min()
            let events = terminal.waitForEvents(timeout: wanted)
            let now = Date().timeIntervalSince1970
            var actions = mailbox.drain()
            handle(.ticked(now), &state, perform)
            for event in events { handle(.inputArrived(event), &state, perform) }
            let advanced = advance(now)
            actions += advanced.actions
            nextIn = advanced.nextIn
            for action in actions { handle(action, &state, perform) }
            isDirty = isDirty || !events.isEmpty || !actions.isEmpty || state.isAnimated
            // A key is answered at once; what streams in is gathered for the next frame.
            if isDirty, !events.isEmpty || Self.now - lastFrame >= Self.frameInterval {
                terminal.show(view(state, theme: theme))
                shown(state)
                lastFrame = Self.now
                isDirty = false
            }
        }
    }

    private func handle(_ action: Action, _ state: inout AppState, _ perform: (Effect) -> Void) {
        for effect in reduce(into: &state, action) {
            switch effect {
            case .redraw:
                terminal.invalidate()
            case .suspend:
                terminal.suspend()
            case .editExternally(let text):
                let edited = terminal.lend { ExternalEditor.edit(text) }
                handle(edited, &state, perform)
            case .quit, .replay(.leave):
                isFinished = true
            case .useTheme(let name):
                use(theme: name)
            case .listThemes:
                mailbox.post(.themesListed(themes.names, current: themeName))
            default:
                perform(effect)
            }
        }
    }

    private func use(theme name: String) {
        do throws(ConfigurationError) {
            theme = try themes.theme(name).theme(for: terminal.colorDepth)
            themeName = name
            mailbox.post(.themeChanged(name: name))
        } catch {
            mailbox.post(.themeFailed(error.description))
        }
    }

    private func timeout(_ state: AppState, isDirty: Bool, since lastFrame: Double) -> Double? {
        if isDirty { return max(0, lastFrame + Self.frameInterval - Self.now) }
        let draft = state.draftDueAt.map { max(0, $0 - Date().timeIntervalSince1970) }
        return [draft, state.isAnimated ? Self.tickInterval : nil].compactMap(\.self).min()
    }

    private static var now: Double { ProcessInfo.processInfo.systemUptime }
}

/// Actions from other threads, in the order in which they were posted.
package final class ActionMailbox: Sendable {
    private let actions = Mutex<[Action]>([])
    private let wake: @Sendable () -> Void

    /// An empty one.
    ///
    /// - Parameter wake: wakes the event loop when something has come.
    package init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// Hands an action to the event loop; from any thread.
    package func post(_ action: Action) {
        actions.withLock { $0.append(action) }
        wake()
    }

    /// Takes what has come since the last time.
    package func drain() -> [Action] {
        actions.withLock { actions in
            defer { actions = [] }
            return actions
        }
    }
}

import Foundation
import TestSupport
import Testing

/// A terminal with a shell in it, in which the chat is used as people use it: keys in, screens out. tmux plays it.
final class TerminalSession {
    private let runner: ProgramRunner
    private let socket = "emuchat-test-\(UUID().uuidString.prefix(8))"

    static let tmux = ["/usr/bin/tmux", "/usr/local/bin/tmux", "/bin/tmux"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// The prompt of the shell.
    private static let prompt = "ready> "

    init(
        _ runner: ProgramRunner, columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]
    ) throws {
        self.runner = runner
        var variables = runner.environment.merging(["TZ": "UTC"]) { $1 }
        variables.merge(environment) { $1 }
        var arguments = ["start-server", ";", "set", "-g", "default-terminal", "tmux-256color", ";"]
        arguments += ["set", "-g", "remain-on-exit", "on", ";"]
        arguments += ["new-session", "-d", "-x", "\(columns)", "-y", "\(rows)"]
        for (name, value) in variables { arguments += ["-e", "\(name)=\(value)"] }
        try tmux(arguments + ["-c", runner.folder.path, "exec sh -i"])
        // The shell does not take its prompt from the environment of root.
        try submit("PS1='rea''dy> '; clear")
        try wait(for: "the shell's prompt") { $0.hasPrefix(Self.prompt.dropLast()) }
    }

    deinit {
        _ = try? tmux(["kill-server"])
    }

    /// Starts `emuchat` with what its shell takes as arguments.
    ///
    /// - Parameter setting: an environment variable for it alone, such as `TERM=dumb`.
    func startChat(_ arguments: String, setting: String = "") throws {
        // In a script, so that the process's id is known, and the command's line short.
        try runner.file(
            "chat", "#!/bin/sh\necho $$ >chat.pid\nexec '\(ProgramRunner.program("emuchat"))' \"$@\"\n")
        try type("clear; \(setting) sh ./chat \(arguments); echo \"status $?.\"")
        try press("Enter")
    }

    /// The process that `startChat` started.
    var chatProcess: pid_t {
        get throws {
            let text = try String(contentsOf: runner.folder.appendingPathComponent("chat.pid"), encoding: .utf8)
            return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
    }

    func type(_ text: String) throws { try tmux(["send-keys", "-l", "--", text]) }

    /// Keys by tmux's names, such as `Enter`, `Escape`, `C-d`.
    func press(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

    /// Pastes as terminals do that bracket what is pasted.
    func paste(_ text: String) throws {
        try tmux(["set-buffer", "--", text])
        try tmux(["paste-buffer", "-p"])
    }

    func resize(columns: Int, rows: Int) throws {
        try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    }

    /// Types a line and sends it.
    func submit(_ text: String) throws {
        try type(text)
        try press("Enter")
    }

    /// The screen's rows without white space at their ends, with line ends between them.
    func screen() throws -> String { try tmux(["capture-pane", "-p"]) }

    /// The screen with escape sequences for its colours.
    func colouredScreen() throws -> String { try tmux(["capture-pane", "-p", "-e"]) }

    /// Whether any cell has a colour of its own.
    func hasColour() throws -> Bool {
        try colouredScreen().contains(/\u{1B}\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]/)
    }

    /// What tmux knows about the terminal, such as `alternate_on`.
    func property(_ name: String) throws -> String {
        try tmux(["display-message", "-p", "#{\(name)}"]).trimmingCharacters(in: .newlines)
    }

    /// Waits until the screen is as wanted, and returns it.
    @discardableResult
    func wait(for what: String, until isThere: (String) throws -> Bool) throws -> String {
        var last = ""
        do {
            try Patience.wait(for: what) {
                last = try screen()
                return try isThere(last)
            }
        } catch {
            throw ProgramRunnerError(description: "\(error); the screen was:\n\(last)")
        }
        return last
    }

    @discardableResult
    func wait(for text: String) throws -> String {
        try wait(for: text.debugDescription) { $0.contains(text) }
    }

    @discardableResult
    func wait(for pattern: some RegexComponent) throws -> String {
        try wait(for: "the pattern") { $0.contains(pattern) }
    }

    /// Waits for the chat's end and returns its status, with the screen as it is then.
    func finishChat() throws -> (status: Int, screen: String) {
        let screen = try wait(for: "the end of the chat") { screen in
            screen.contains(/status \d+\./) && screen.contains(Self.prompt.dropLast())
        }
        let match = try #require(screen.firstMatch(of: /status (\d+)\./))
        return (try #require(Int(match.output.1)), screen)
    }

    @discardableResult
    private func tmux(_ arguments: [String]) throws -> String {
        let path = try #require(Self.tmux)
        let result = try runner.start(path, ["-u", "-L", socket, "-f", "/dev/null"] + arguments).finish()
        guard result.status == 0 else {
            throw ProgramRunnerError(description: "tmux \(arguments): \(result.errorText)")
        }
        return result.text
    }
}

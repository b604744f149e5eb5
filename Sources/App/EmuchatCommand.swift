import ArgumentParser
import Foundation
import Screen

/// The program's version.
package let emuchatVersion = "0.1.0"

/// `emuchat`: everything a user can type.
package struct EmuchatCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "emuchat",
        abstract: "Talk with a model about text, pictures and video, on your own machine.",
        version: "emuchat \(emuchatVersion)",
        subcommands: [
            ChatCommand.self, AskCommand.self, DrawCommand.self, ReplayCommand.self, SessionsCommand.self,
            ExamplesCommand.self,
            ModelCommand.self,
            TokenizeCommand.self, ConvertCommand.self, SelfTestCommand.self, DoctorCommand.self,
        ],
        defaultSubcommand: ChatCommand.self)

    package init() {}
}

/// Runs a command line with the exit statuses that the program promises.
package enum CommandRunner {
    /// Parses, runs and exits: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    package static func main(_ command: (some AsyncParsableCommand).Type) async -> Never {
        let name = command.configuration.commandName ?? "emuchat"
        do {
            var parsed = try command.parseAsRoot()
            if var asynchronous = parsed as? AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try parsed.run()
            }
            ProcessEnd.leave(ExitStatus.done)
        } catch let error as CommandError {
            // Names of files and options are anybody's: they do not steer the terminal.
            if let message = error.message {
                StandardError.write("\(name): \(SanitizedText.clean(message, newlines: .joined))\n")
            }
            ProcessEnd.leave(error.status)
        } catch {
            let status = command.exitCode(for: error)
            let message = command.fullMessage(for: error)
            if status == .success {
                // Help and version were asked for, so they are the result.
                print(message)
                ProcessEnd.leave(ExitStatus.done)
            }
            StandardError.write(SanitizedText.clean(message) + "\n")
            ProcessEnd.leave(status == .validationFailure ? ExitStatus.usage : ExitStatus.failed)
        }
    }
}

/// The exit statuses of all commands.
package enum ExitStatus {
    package static let done: Int32 = 0
    package static let failed: Int32 = 1
    package static let usage: Int32 = 2
    package static let interrupted: Int32 = 130
}

/// Ends a command with a status and one line for people.
package struct CommandError: Error {
    package let status: Int32
    /// nil when everything has been said already.
    package let message: String?

    package static func failed(_ message: String) -> CommandError {
        CommandError(status: ExitStatus.failed, message: message)
    }

    package static func usage(_ message: String) -> CommandError {
        CommandError(status: ExitStatus.usage, message: message)
    }

    package static let interrupted = CommandError(status: ExitStatus.interrupted, message: nil)
}

import Foundation
import TestSupport
import Testing

/// What a program left behind.
struct ProgramResult {
    let output: Data
    let errorText: String
    /// The exit status, or 128 plus the signal that ended the program.
    let status: Int32

    var text: String { String(decoding: output, as: UTF8.self) }
    /// Standard error as lines, without the last line end.
    var errorLines: [String] {
        errorText.isEmpty
            ? []
            : errorText.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                .reversed().drop(while: \.isEmpty).reversed()
    }
}

/// A program did not end in time, or could not be started.
struct ProgramRunnerError: Error, CustomStringConvertible {
    let description: String
}

/// Runs the project's own programs as a user does, in a folder of their own that goes with the runner.
final class ProgramRunner {
    /// A fresh folder: the programs' home, and where they are started.
    let folder: URL

    init() throws {
        folder = try TestSupport.temporaryFolder()
        guard let model = TestSupport.builtInModel else { return }
        // The model alone: what other runs have kept in the cache is not there.
        let cache = folder.appendingPathComponent("cache/emuchat")
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: cache.appendingPathComponent("models"), withDestinationURL: model.deletingLastPathComponent())
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    /// The folder that holds the programs: the one of the test bundle.
    static let programs: URL = {
        // The bundle is a program of its own here, but may be loaded by another one elsewhere.
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return (bundle ?? own).deletingLastPathComponent()
    }()

    static func program(_ name: String) -> String { programs.appendingPathComponent(name).path }

    /// Small models with random weights, that any test may use.
    static let tinyModel = TestSupport.fixture("InferenceTests", "tiny-llama-q4_1.gguf").path

    /// The environment of a user who has never run the program, but has the built-in model.
    var environment: [String: String] {
        var environment = [
            "HOME": folder.path, "XDG_DATA_HOME": folder.path + "/data", "XDG_STATE_HOME": folder.path + "/state",
            "XDG_CONFIG_HOME": folder.path + "/config", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin",
            "XDG_CACHE_HOME": folder.path + "/cache",
        ]
        // So that a build with a sanitizer or with libraries in another place still runs.
        for name in ["LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS"] {
            if let value = ProcessInfo.processInfo.environment[name] { environment[name] = value }
        }
        return environment
    }

    /// Writes a file into the folder and returns its path.
    @discardableResult
    func file(_ name: String, _ content: Data) throws -> String {
        let file = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try content.write(to: file)
        return file.path
    }

    @discardableResult
    func file(_ name: String, _ text: String) throws -> String { try file(name, Data(text.utf8)) }

    /// Runs `emuchat`.
    func emuchat(
        _ arguments: String..., input: Data = Data(), environment changes: [String: String] = [:]
    ) throws -> ProgramResult {
        try start("emuchat", arguments, input: input, environment: changes).finish()
    }

    /// Runs `bench`.
    func bench(_ arguments: String...) throws -> ProgramResult { try start("bench", arguments).finish() }

    /// Starts one of the project's programs, or another one by its path.
    func start(
        _ program: String, _ arguments: [String], input: Data = Data(), environment changes: [String: String] = [:]
    ) throws -> RunningProgram {
        let path = program.hasPrefix("/") ? program : Self.program(program)
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ProgramRunnerError(description: "\(path) is not there: it is built with the tests")
        }
        return try RunningProgram(
            path: path, arguments: arguments, input: input,
            environment: environment.merging(changes) { $1 }, folder: folder)
    }
}

/// A program that runs. Its output goes to files, so that it never waits for the test.
final class RunningProgram {
    private let id: pid_t
    private let name: String
    private let inputFile: URL
    private let outputFile: URL
    private let errorFile: URL
    private var status: Int32?

    /// Longer than anything here takes on a busy machine.
    private static let limit = Duration.seconds(600)

    fileprivate init(
        path: String, arguments: [String], input: Data, environment: [String: String], folder: URL
    ) throws {
        name = ([path] + arguments).joined(separator: " ")
        let unique = UUID().uuidString
        outputFile = folder.appendingPathComponent(".output-\(unique)")
        errorFile = folder.appendingPathComponent(".error-\(unique)")

        // A file, because a pipe's end would be inherited by whatever another test starts meanwhile.
        inputFile = folder.appendingPathComponent(".input-\(unique)")
        try input.write(to: inputFile)

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inputFile.path, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorFile.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own, and no signal ignored or held back that the tests' own process does.
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))

        // The shell changes the folder, which posix_spawn cannot do everywhere, and becomes the program.
        let command = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder.path, path] + arguments
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var id: pid_t = 0
        let failure = posix_spawn(&id, command[0], &actions, &attributes, &words, &variables)
        guard failure == 0 else { throw ProgramRunnerError(description: "\(path): cannot be started: \(failure)") }
        self.id = id
    }

    deinit {
        if status == nil { stop() }
    }

    /// What has come on standard output so far.
    var output: Data { (try? Data(contentsOf: outputFile)) ?? Data() }

    func send(_ signal: Int32) {
        if status == nil { kill(id, signal) }
    }

    /// Waits until there is output.
    func waitForOutput() throws {
        try Patience.wait(for: "output of \(name)", atMost: Self.limit) {
            !output.isEmpty || hasEnded
        }
    }

    /// Waits until a file whose path holds `name` is mapped.
    func waitUntilMapped(_ name: String) throws {
        try Patience.wait(for: "\(name) among the maps of \(self.name)", atMost: Self.limit) {
            let maps = (try? String(contentsOfFile: "/proc/\(id)/maps", encoding: .utf8)) ?? ""
            return maps.contains(name) || hasEnded
        }
    }

    /// Waits for the end.
    func finish() throws -> ProgramResult {
        do {
            try Patience.wait(for: "the end of \(name)", atMost: Self.limit) { hasEnded }
        } catch {
            stop()
            throw error
        }
        defer {
            for file in [inputFile, outputFile, errorFile] { try? FileManager.default.removeItem(at: file) }
        }
        let errors = (try? Data(contentsOf: errorFile)) ?? Data()
        return ProgramResult(
            output: output, errorText: String(decoding: errors, as: UTF8.self), status: status ?? -1)
    }

    private var hasEnded: Bool {
        if status != nil { return true }
        var raw: Int32 = 0
        guard waitpid(id, &raw, WNOHANG) == id else { return false }
        status = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : 128 + (raw & 0x7F)
        return true
    }

    private func stop() {
        kill(-id, SIGKILL)
        var raw: Int32 = 0
        waitpid(id, &raw, 0)
        status = 128 + SIGKILL
    }
}

/// Waiting for what another process does: looked at often, given up late.
enum Patience {
    static func wait(
        for what: @autoclosure () -> String, atMost limit: Duration = .seconds(300), until isThere: () throws -> Bool
    ) throws {
        let deadline = ContinuousClock.now + limit
        while try !isThere() {
            guard ContinuousClock.now < deadline else {
                throw ProgramRunnerError(description: "waited \(limit) in vain for \(what())")
            }
            usleep(10_000)
        }
    }
}

import Chat
import Foundation
import TestSupport
import Testing

/// A conversation in a file system that fills up while it is held: a small one in memory, which root may mount.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: SmallFileSystem.canBeMade, "mounting a tmpfs is not permitted here"))
struct FullDiskTests {
    @Test func nothingIsLostAndTheAnswersGoOn() throws {
        let chat = try ChatFixture(columns: 100, rows: 40)
        let disk = try SmallFileSystem(at: chat.runner.folder.appendingPathComponent("small"), kilobytes: 128)
        try chat.startTiny("--sessions small/sessions --session talk", waitingFor: "text only, it cannot see")
        try ask("First question", chat)
        let saved = try session(disk)
        #expect(saved.messages.count == 2)

        // Not a byte is left: the answer comes all the same, and the screen says what is wrong.
        try disk.fill()
        try ask("Second question", chat)
        let told = try chat.terminal.wait(for: "the disk is full")
        #expect(told.contains("⚠") && told.contains("free some space") && told.contains("First question"))
        try ask("Third question", chat)
        // Whoever reads the folder meanwhile finds what was saved before.
        let meanwhile = try session(disk)
        #expect(meanwhile.messages.prefix(2).elementsEqual(saved.messages))
        #expect(try SessionStore(folder: disk.path + "/sessions").names() == ["talk"])

        // With room again, the next turn brings everything.
        try disk.empty()
        try ask("Fourth question", chat)
        try chat.terminal.press("C-d")
        #expect(try chat.terminal.finishChat().status == 0)
        let whole = try session(disk)
        #expect(
            whole.messages.filter { $0.role == .user }.map(\.text)
                == ["First question", "Second question", "Third question", "Fourth question"])
        #expect(whole.messages.count == 8 && whole.messages.allSatisfy { $0.role == .user || $0.answer != nil })
        #expect(whole.messages.prefix(2).elementsEqual(saved.messages))
        // Read by the program itself, too, which finds nothing wrong.
        let shown = try chat.runner.emuchat("sessions", "show", "talk", "--sessions", "small/sessions")
        #expect(shown.status == 0 && shown.errorText == "" && shown.text.contains("Third question"))
    }

    /// A disk that is full from the start keeps no session from being talked in.
    @Test func aConversationBeginsOnAFullDisk() throws {
        let chat = try ChatFixture(columns: 100, rows: 40)
        let disk = try SmallFileSystem(at: chat.runner.folder.appendingPathComponent("small"), kilobytes: 64)
        try disk.fill()
        try chat.startTiny("--sessions small/sessions --session talk", waitingFor: "text only, it cannot see")
        try ask("First question", chat)
        try chat.terminal.wait(for: "⚠")
        try disk.empty()
        try ask("Second question", chat)
        try chat.terminal.press("C-d")
        #expect(try chat.terminal.finishChat().status == 0)
        #expect(try session(disk).messages.map(\.role) == [.user, .assistant, .user, .assistant])
    }

    private func session(_ disk: SmallFileSystem) throws -> Session {
        try SessionStore(folder: disk.path + "/sessions").load("talk")
    }

    /// Asks, and waits for the answer's figures.
    private func ask(_ question: String, _ chat: ChatFixture) throws {
        try chat.terminal.submit(question)
        try chat.terminal.wait(for: "an answer to \(question)") { screen in
            guard let place = screen.range(of: "▌ " + question) else { return false }
            return screen[place.upperBound...].contains("tok/s") && screen.contains("Ctrl-D leaves")
        }
    }
}

/// A file system of a few kilobytes in memory; it goes with the test.
final class SmallFileSystem {
    let path: String
    private var ballast: String { path + "/ballast" }

    /// Whether this process may mount one: containers often keep even root from it.
    static let canBeMade: Bool = {
        guard geteuid() == 0, let folder = try? TestSupport.temporaryFolder() else { return false }
        defer { try? FileManager.default.removeItem(at: folder) }
        return (try? SmallFileSystem(at: folder.appendingPathComponent("small"), kilobytes: 64)) != nil
    }()

    init(at folder: URL, kilobytes: Int) throws {
        path = folder.path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", UInt(MS_NOSUID | MS_NODEV), "size=\(kilobytes)k") == 0 else {
            throw ProgramRunnerError(description: "\(path): cannot be mounted: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
    }

    /// Takes all the room that is left, to the last byte.
    func fill() throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { throw ProgramRunnerError(description: "\(ballast): cannot be made") }
        defer { close(file) }
        let piece = [UInt8](repeating: 0x2E, count: 1024)
        while write(file, piece, piece.count) > 0 {}
        #expect(errno == ENOSPC)
    }

    func empty() throws {
        try FileManager.default.removeItem(atPath: ballast)
    }
}

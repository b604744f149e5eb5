import ChatUI
import Foundation

/// The user's own editor, on a text in a file for its owner only.
enum ExternalEditor {
    private static let maximumBytes = 1 << 20

    /// Runs the editor on the terminal and returns when it has ended; the terminal has to be free.
    static func edit(
        _ text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> Action {
        guard let editor = command(environment) else {
            return .externalEditorFailed("Ctrl-X Ctrl-E: no editor is set. Set VISUAL or EDITOR, as in EDITOR=nano")
        }
        var template = Array((NSTemporaryDirectory() as NSString).appendingPathComponent("emuchat-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else {
            return .externalEditorFailed(
                "Ctrl-X Ctrl-E: \(String(cString: strerror(errno))) in \(NSTemporaryDirectory())")
        }
        let folder = String(cString: made)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/message.md"
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { return .externalEditorFailed("Ctrl-X Ctrl-E: \(path) cannot be written") }
        // The variable may hold options, as in EDITOR='code --wait'.
        let status = system("\(editor) '\(path.replacing("'", with: "'\\''"))'")
        guard status == 0 else {
            return .externalEditorFailed("\(editor) ended with status \(status >> 8 & 0xFF); the text is as it was")
        }
        guard let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int,
            size <= maximumBytes, let bytes = FileManager.default.contents(atPath: path)
        else { return .externalEditorFailed("\(editor) left no text of at most 1 MiB; the text is as it was") }
        return .externallyEdited(String(decoding: bytes, as: UTF8.self))
    }

    /// `VISUAL`, `EDITOR`, or the system's own choice.
    private static func command(_ environment: [String: String]) -> String? {
        for name in ["VISUAL", "EDITOR"] {
            if let value = environment[name], !value.allSatisfy(\.isWhitespace) { return value }
        }
        return ["/usr/bin/editor", "/usr/bin/nano", "/usr/bin/vi"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }
}

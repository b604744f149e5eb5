import Chat
import ChatUI
import Configuration
import Foundation
import Generation

/// Writing sampling options into the configuration file.
enum OptionsSaving {
    static func save(_ options: GenerationOptions, to path: String) -> Action {
        // What is a link stays one: the file that it leads to is replaced.
        let target = realpath(path, nil).map { resolved in
            defer { free(resolved) }
            return String(cString: resolved)
        }
        do {
            var text = ""
            if let target {
                // Read by those who know its bounds first.
                _ = try Configuration(path: target)
                text = try String(contentsOfFile: target, encoding: .utf8)
            }
            let changed = try Configuration.text(text, replacing: options, path: path)
            if changed != text { try AtomicFile.replace(target ?? path, with: Array(changed.utf8)) }
            return .optionsSaved(path: path)
        } catch {
            return .optionsNotSaved("/save-options: \(error)")
        }
    }
}

import Digest
import Foundation
import Generation
import Screen

/// Tells under whose terms a model may be used, the first time that it is loaded.
enum LicenceNotice {
    /// The description of a model with its terms where they are to be told now.
    static func marking(_ model: ModelDescription) -> ModelDescription {
        var marked = model
        marked.termsToTell = first(for: model)
        return marked
    }

    /// The terms of a model whose terms were not told yet, and which are remembered as told from here on; nil for others.
    static func first(for model: ModelDescription, in folder: URL = Folders.state) -> String? {
        guard let terms = model.licenceTerms else { return nil }
        let told = folder.appendingPathComponent("licences-told")
        let mark = SHA256Digest(of: Array("\(model.path)\n\(terms)".utf8)).hexadecimal
        let known = (try? String(contentsOf: told, encoding: .utf8)) ?? ""
        guard !known.split(separator: "\n").contains(Substring(mark)) else { return nil }
        // Told again where this cannot be remembered: better twice than never.
        try? FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try? Data((known + mark + "\n").utf8).write(to: told, options: .atomic)
        let name = SanitizedText.clean(model.name, newlines: .joined)
        return "\(name): \(SanitizedText.clean(terms, newlines: .joined))"
    }
}

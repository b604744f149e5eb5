import Foundation
import Inference

/// Where the program keeps what, after the XDG base directory specification.
enum Folders {
    /// `${XDG_CACHE_HOME:-~/.cache}/emuchat`: what can be fetched or computed again.
    static var cache: URL { base("XDG_CACHE_HOME", ".cache") }

    /// `${XDG_STATE_HOME:-~/.local/state}/emuchat`: logs.
    static var state: URL { base("XDG_STATE_HOME", ".local/state") }

    /// `${XDG_CONFIG_HOME:-~/.config}/emuchat`: what the user has chosen.
    static var configuration: URL { base("XDG_CONFIG_HOME", ".config") }

    /// `${XDG_DATA_HOME:-~/.local/share}/emuchat`: what users have made.
    static var data: URL { base("XDG_DATA_HOME", ".local/share") }

    /// What was sent in all conversations.
    static var history: URL { data.appendingPathComponent("history") }

    /// Sets of examples.
    static var examples: URL { data.appendingPathComponent("examples") }

    /// What `make run` fetches and makes.
    static var models: URL { cache.appendingPathComponent("models") }

    /// The model that answers where none is named: the small one that sees, or without its files the one for text.
    static var builtInModel: URL {
        smallModelProblem == nil && isThere(smallModel) ? models.appendingPathComponent(smallModel) : textModel
    }

    /// What keeps the built-in model from seeing, and what to do about it; nil where nothing does, or where this copy of
    /// the program has no such model at all.
    static var smallModelProblem: String? {
        guard isThere(smallModel), !isThere(visualEncoder) else { return nil }
        return "its visual encoder, \(visualEncoder), is not there; `make run` in the project's folder fetches it"
    }

    private static let smallModel = "emuchat-nano.gguf"
    private static let visualEncoder = "clip-vit-base-patch16.gguf"
    /// The language model, part of the small one.
    private static var textModel: URL { models.appendingPathComponent("SmolLM2-135M-Instruct.Q4_1.gguf") }

    private static func isThere(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: models.appendingPathComponent(name).path)
    }

    /// What was made of pictures, so that none is encoded twice.
    static var pictureStore: CacheStore { CacheStore(folder: cache.appendingPathComponent("pictures")) }

    /// What models have read, so that it need not be read again.
    static var contextStore: CacheStore {
        CacheStore(folder: cache.appendingPathComponent("contexts"), capacity: 4 << 30)
    }

    /// What the libraries say while the screen is up.
    static var log: URL { state.appendingPathComponent("emuchat.log") }

    private static func base(_ variable: String, _ fallback: String) -> URL {
        // The specification has relative paths ignored.
        if let path = ProcessInfo.processInfo.environment[variable], path.hasPrefix("/") {
            return URL(fileURLWithPath: path).appendingPathComponent("emuchat")
        }
        return URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(fallback)
            .appendingPathComponent("emuchat")
    }
}

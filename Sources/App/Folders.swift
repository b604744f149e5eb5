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

    /// The language model that `make run` fetches.
    static var builtInModel: URL { cache.appendingPathComponent("models/SmolLM2-135M-Instruct.Q4_1.gguf") }

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

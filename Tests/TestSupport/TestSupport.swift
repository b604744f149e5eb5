import Foundation

/// Where tests find what they share. Everything outside the project is optional, and tests skip by name without it.
package enum TestSupport {
    /// The project's top folder.
    package static let projectRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folder of shared material beside the checkout, when there is one.
    package static let shared: URL? = existing(projectRoot.deletingLastPathComponent().appendingPathComponent("shared"))

    /// A shared picture or clip, such as `dog2.jpg`.
    package static func sharedImage(_ name: String) -> URL? {
        shared.flatMap { existing($0.appendingPathComponent("images").appendingPathComponent(name)) }
    }

    /// The built-in language model, when it has been fetched.
    package static let builtInModel: URL? = fetched("SmolLM2-135M-Instruct.Q4_1.gguf")

    /// CLIP's visual encoder, when it has been fetched and converted.
    package static let visualEncoder: URL? = fetched("clip-vit-base-patch16.gguf")

    /// The small model that sees, when all that it stands on is there.
    package static let seeingModel: URL? =
        builtInModel == nil || visualEncoder == nil ? nil : fetched("emuchat-nano.gguf")

    /// A file where `make run` puts models.
    private static func fetched(_ name: String) -> URL? {
        let environment = ProcessInfo.processInfo.environment
        let cache =
            environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
            ?? URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(".cache")
        return existing(cache.appendingPathComponent("emuchat/models/\(name)"))
    }

    /// A file below a test target's `Fixtures` folder.
    package static func fixture(_ target: String, _ name: String) -> URL {
        projectRoot.appendingPathComponent("Tests/\(target)/Fixtures/\(name)")
    }

    /// A fresh empty folder; the caller removes it.
    package static func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("emuchat-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// What the calling thread has used of a processor: on a busy machine a clock would count the others' time too.
    package static func processorTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private static func existing(_ url: URL) -> URL? {
        FileManager.default.fileExists(atPath: url.path) ? url : nil
    }
}

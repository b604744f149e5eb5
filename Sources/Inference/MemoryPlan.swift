import Foundation
import Models
import Tensor

/// What running a model takes from memory, against what there is.
package struct MemoryPlan: Sendable, Equatable {
    /// Bytes of the file, which is mapped: pages come in as they are used and are shared between processes.
    package let weights: Int
    /// Bytes of the key-value cache when the context is full.
    package let cache: Int
    /// Bytes of activations, logits and attention scores.
    package let workspace: Int
    /// Bytes that this process may still take; nil when the system does not tell.
    package let available: Int?
    package let contextLength: Int
    let cacheType: GGMLType
    let parameterCount: Int
    let configuration: DecoderConfiguration
    private let bytesPerPosition: Int

    /// The plan for a decoder's configuration at a context length, beside an encoder that takes so many bytes while it
    /// looks at a picture.
    package init(
        fileSize: Int, parameterCount: Int, configuration: DecoderConfiguration, contextLength: Int,
        cacheType: GGMLType = .f32, encoderWorkspace: Int = 0,
        threadCount: Int = ThreadPool.availableProcessors, available: Int? = MemoryPlan.availableBytes()
    ) {
        weights = fileSize
        self.contextLength = contextLength
        self.available = available
        self.cacheType = cacheType
        self.parameterCount = parameterCount
        self.configuration = configuration
        bytesPerPosition = KeyValueCache.bytesPerPosition(configuration, type: cacheType)
        cache = Self.product(bytesPerPosition, contextLength)
        let rows = min(DecoderSession.prefillRows(configuration), contextLength)
        let perRow =
            3 * configuration.width + 2 * configuration.attentionHeads * configuration.headSize
            + 2 * configuration.keyValueWidth + 2 * configuration.feedForwardWidth
        let fixed = rows * perRow + configuration.vocabularySize
        let decoding = Self.product(4, Self.sum(fixed, Self.product(contextLength, threadCount)))
        workspace = Self.sum(decoding, encoderWorkspace)
    }

    /// Everything together.
    package var total: Int { Self.sum(weights, Self.sum(cache, workspace)) }

    /// Whether it all fits at once; true when nothing is known of the memory.
    package var fits: Bool { available.map { total <= $0 } ?? true }

    /// The longest context that fits beside the weights, a multiple of 256; nil when not even a short one does.
    package var longestContextThatFits: Int? {
        longestContext(beside: weights, bytesPerPosition: bytesPerPosition)
    }

    func longestContext(beside weights: Int, bytesPerPosition: Int) -> Int? {
        let trained = configuration.trainedContextLength
        guard let available else { return trained }
        let room = available - Self.sum(weights, workspace)
        guard room > 0, bytesPerPosition > 0 else { return nil }
        let positions = min(room / bytesPerPosition, trained)
        let rounded = positions == trained ? positions : positions / 256 * 256
        return rounded >= 256 ? rounded : nil
    }

    static func product(_ a: Int, _ b: Int) -> Int {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? Int.max : value
    }

    static func sum(_ a: Int, _ b: Int) -> Int {
        let (value, overflow) = a.addingReportingOverflow(b)
        return overflow ? Int.max : value
    }

    /// What the system would give this process: free memory and what it can free, or less where a control group limits it.
    package static func availableBytes() -> Int? {
        var least: Int?
        if let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        {
            least = kibibytes * 1024
        }
        let group = "/sys/fs/cgroup/memory"
        if let limit = number(group + ".max"), let used = number(group + ".current") {
            least = min(least ?? Int.max, max(0, limit - used))
        }
        return least
    }

    private static func number(_ path: String) -> Int? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}

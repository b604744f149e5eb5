import Foundation
import Tensor

extension MemoryRemedy: CustomStringConvertible {
    /// What to do, in words, with the options that do it.
    package var description: String {
        var parts = [String]()
        if let weightType {
            parts.append("a file of the same model in \(weightType.name), about \(MemoryPlan.spelled(weightBytes))")
        }
        if let contextLength { parts.append("a context of \(contextLength) tokens") }
        if let cacheType { parts.append("the context kept in \(cacheType.name)") }
        if let beamCount { parts.append(beamCount == 1 ? "no beam search" : "\(beamCount) beams") }
        return parts.joined(separator: " and ") + (options.isEmpty ? "" : " (\(options))")
    }

    /// The options that do it.
    private var options: String {
        [
            contextLength.map { "--context \($0)" }, cacheType.map { "--cache \($0.name.lowercased())" },
            beamCount.map { "--beams \($0)" },
        ].compactMap(\.self).joined(separator: " ")
    }

    /// What to do in few words.
    fileprivate var summary: String {
        guard let weightType else { return options }
        let file = "\(weightType.name) weights (\(MemoryPlan.spelled(weightBytes)))"
        return options.isEmpty ? file : "\(file) with \(options)"
    }
}

extension MemoryPlan {
    /// One line for people: what is needed, what there is, and what would fit. Short, since it stands on small screens.
    var refusal: String {
        let fitting = remedies.map(\.summary)
        return
            "needs \(Self.spelled(total)), \(Self.spelled(available ?? 0)) are free (weights \(Self.spelled(weights)), "
            + "context \(Self.spelled(cache)), workspace \(Self.spelled(workspace))). "
            + (fitting.isEmpty ? "Choose a smaller model" : "What fits: \(fitting.joined(separator: "; "))")
            + ". Or load it all the same: --ignore-memory."
    }

    /// Bytes as people say them.
    package static func spelled(_ bytes: Int) -> String {
        let mebibytes = Double(bytes) / 1_048_576
        return mebibytes < 1024 ? String(format: "%.1f MiB", mebibytes) : String(format: "%.1f GiB", mebibytes / 1024)
    }
}

import Foundation
import ModelFiles

/// Collects compared items, and what was computed.
struct ParityComparison {
    private(set) var lines: [String] = []
    private(set) var comparedCount = 0
    private(set) var failedCount = 0
    private var seen: Set<String> = []
    private var tensors: [(name: String, shape: [Int], values: [Float])] = []
    private var texts: [String: DumpedCase] = [:]
    private var textOrder: [String] = []

    // The names are the recorded file's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct DumpedCase: Encodable {
        let name: String
        var input_ids: [Int32]?
        var greedy_ids: [Int32]?
        var greedy_text: String?
        var beam_ids: [Int32]?
        var beam_text: String?
    }

    /// An id list or text that must be identical.
    enum Exact {
        case inputIDs([Int32])
        case greedyIDs([Int32])
        case greedyText(String)
        case beamIDs([Int32])
        case beamText(String)

        fileprivate var item: String {
            switch self {
            case .inputIDs: "input_ids"
            case .greedyIDs: "greedy_ids"
            case .greedyText: "greedy_text"
            case .beamIDs: "beam_ids"
            case .beamText: "beam_text"
            }
        }
    }

    mutating func compare(_ name: String, _ found: Exact, isEqual: Bool) {
        record(name, found.item, difference: isEqual ? 0 : 1, limit: 0)
        if texts[name] == nil {
            texts[name] = DumpedCase(name: name)
            textOrder.append(name)
        }
        switch found {
        case .inputIDs(let ids): texts[name]?.input_ids = ids
        case .greedyIDs(let ids): texts[name]?.greedy_ids = ids
        case .greedyText(let text): texts[name]?.greedy_text = text
        case .beamIDs(let ids): texts[name]?.beam_ids = ids
        case .beamText(let text): texts[name]?.beam_text = text
        }
    }

    /// The name under which tensors of no case are told.
    static let noCase = "-"

    mutating func compare(
        _ name: String, tensor item: String, found: [Float], expected: [Float], shape: [Int], limit: Double,
        difference: ([Float], [Float]) -> Double = ParityComparison.largestRelativeDifference
    ) {
        record(name, item, difference: difference(found, expected), limit: limit)
        tensors.append((name == Self.noCase ? item : "\(name).\(item)", shape, found))
    }

    /// Tells every recorded item that was not computed as failed.
    mutating func failRemaining(of golden: GoldenSet) {
        for item in golden.textCases {
            let items: [(String, Bool)] = [
                ("input_ids", item.inputIDs != nil), ("greedy_ids", item.greedyIDs != nil),
                ("greedy_text", item.greedyText != nil), ("beam_ids", item.beamIDs != nil),
                ("beam_text", item.beamText != nil),
            ]
            for (name, isRecorded) in items where isRecorded { failUnlessSeen("\(item.name) \(name)") }
        }
        for item in golden.drawingInputs where item.inputIDs != nil { failUnlessSeen("\(item.name) input_ids") }
        for item in golden.drawingCases {
            for name in ["timesteps", "sigmas"] { failUnlessSeen("\(item.name) \(name)") }
        }
        // Noise goes in; it is nothing that could be computed.
        for name in golden.tensors.tensorNames where !name.hasSuffix(".noise") {
            let parts = name.split(separator: ".", maxSplits: 1)
            failUnlessSeen(parts.count == 2 ? "\(parts[0]) \(parts[1])" : "\(Self.noCase) \(name)")
        }
    }

    private mutating func failUnlessSeen(_ key: String) {
        guard seen.insert(key).inserted else { return }
        lines.append("\(key) inf 0 FAIL")
        failedCount += 1
    }

    private mutating func record(_ name: String, _ item: String, difference: Double, limit: Double) {
        seen.insert("\(name) \(item)")
        comparedCount += 1
        let isGood = difference <= limit
        if !isGood { failedCount += 1 }
        lines.append(
            "\(name) \(item) \(String(format: "%.3g", difference)) \(String(format: "%g", limit)) \(isGood ? "ok" : "FAIL")"
        )
    }

    /// Relative to the largest absolute value expected; infinite when shapes differ or a value is no number.
    static func largestRelativeDifference(_ found: [Float], _ expected: [Float]) -> Double {
        guard found.count == expected.count else { return .infinity }
        var largest = 0.0
        var scale = 0.0
        for (a, b) in zip(found, expected) {
            let difference = abs(Double(a) - Double(b))
            guard difference.isFinite else { return .infinity }
            largest = max(largest, difference)
            scale = max(scale, abs(Double(b)))
        }
        return scale > 0 ? largest / scale : largest
    }

    /// Writes `OUT.safetensors` and `OUT.json`.
    func dump(to out: String) throws {
        let writer = SafetensorsWriter(tensors: tensors)
        try writer.data().write(to: URL(fileURLWithPath: out + ".safetensors"), options: .atomic)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let cases = textOrder.compactMap { texts[$0] }
        try encoder.encode(["cases": [], "text_cases": cases]).write(
            to: URL(fileURLWithPath: out + ".json"), options: .atomic)
    }
}

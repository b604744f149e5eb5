import Chat
import Foundation
import Screen

/// Rows about sessions: for people columns that stand below each other, for programs tabs between exact values.
enum SessionTable {
    /// A last column narrower than this says nothing.
    private static let leastColumns = 12

    /// The rows as lines; on a terminal the last column is cut where the line ends.
    static func lines(_ rows: [[String]]) -> [String] {
        guard StandardOutput.isTerminal else { return rows.map { $0.joined(separator: "\t") } }
        return aligned(rows, columns: StandardOutput.columns)
    }

    static func aligned(_ rows: [[String]], columns: Int) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { $0.indices.contains(column) ? TextWidth.columns(of: $0[column]) : 0 }.max() ?? 0
        }
        let room = columns - widths.dropLast().reduce(0) { $0 + $1 + 2 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                if column == count - 1 {
                    if room >= leastColumns { line += TextWidth.truncated(text, to: room) }
                } else {
                    line += text + String(repeating: " ", count: widths[column] - TextWidth.columns(of: text) + 2)
                }
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }

    /// A time as people read it where they are; for programs the exact one.
    static func time(_ time: Timestamp) -> String {
        guard StandardOutput.isTerminal else { return time.description }
        var (seconds, parts) = (time_t(time.milliseconds / 1000), tm())
        guard localtime_r(&seconds, &parts) != nil else { return time.description }
        var text = [CChar](repeating: 0, count: 64)
        let length = strftime(&text, text.count, "%Y-%m-%d %H:%M", &parts)
        return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

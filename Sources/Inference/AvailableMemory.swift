import Foundation

/// What the system would give this process: free memory and what it can free, or less where control groups limit it.
package struct AvailableMemory: Sendable {
    /// Where `/proc` and `/sys` are looked for.
    private let root: String

    package init(root: String = "") {
        self.root = root
    }

    /// Bytes that this process may still take; nil when the system does not tell.
    package var bytes: Int? {
        ([systemBytes] + groupFolders.map(roomInGroup)).compactMap(\.self).min()
    }

    private var systemBytes: Int? {
        fields(of: "\(root)/proc/meminfo")["MemAvailable:"].map { Self.product($0, 1024) }
    }

    /// The folders of this process's control groups and of those around them, of either version.
    ///
    /// A container may see its own group at the top, whatever the path of the group is outside. Sources: cgroups(7),
    /// `cgroup-v2.rst` and `cgroup-v1/memory.rst` of the kernel.
    private var groupFolders: [String] {
        let mounts = "\(root)/sys/fs/cgroup"
        var folders = [mounts, "\(mounts)/memory"]
        for line in lines(of: "\(root)/proc/self/cgroup") {
            // NUMBER:CONTROLLERS:PATH; version 2 has no controllers.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].split(separator: ",")
            guard parts[1].isEmpty || controllers.contains("memory") else { continue }
            var folder = parts[1].isEmpty ? mounts : "\(mounts)/memory"
            for step in parts[2].split(separator: "/") where step != ".." {
                folder += "/\(step)"
                folders.append(folder)
            }
        }
        return folders
    }

    /// What a group leaves: cached files count as free, since the kernel drops them first. Nil without a limit.
    private func roomInGroup(_ folder: String) -> Int? {
        for (limitName, usageName, prefix) in [
            ("memory.max", "memory.current", ""), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        ] {
            guard let limit = number("\(folder)/\(limitName)"), let usage = number("\(folder)/\(usageName)"),
                limit >= 0, usage >= 0
            else { continue }
            let statistics = fields(of: "\(folder)/memory.stat")
            let cached = ["inactive_file", "active_file"].reduce(0) { sum, name in
                min(usage, sum + min(usage, max(0, statistics[prefix + name] ?? 0)))
            }
            return max(0, limit - (usage - cached))
        }
        return nil
    }

    private func lines(of path: String) -> [Substring] {
        (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
    }

    /// The numbers of a file of lines `NAME NUMBER …`.
    private func fields(of path: String) -> [Substring: Int] {
        var fields: [Substring: Int] = [:]
        for line in lines(of: path) {
            let words = line.split(separator: " ")
            if words.count > 1, let value = Int(words[1]) { fields[words[0]] = value }
        }
        return fields
    }

    private func number(_ path: String) -> Int? { lines(of: path).first.flatMap { Int($0) } }

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? Int.max : value
    }
}

import Foundation
import Inference
import TestSupport
import Testing

/// What a process may still take, from files like those of `/proc` and `/sys`.
@Suite struct AvailableMemoryTests {
    /// Bytes told by a system of these files.
    private func bytes(_ files: [String: String]) throws -> Int? {
        let root = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: root) }
        for (name, text) in files {
            let file = root.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return AvailableMemory(root: root.path).bytes
    }

    private let system = ["proc/meminfo": "MemTotal:  4000 kB\nMemFree: 100 kB\nMemAvailable:    3000 kB\n"]

    private func with(_ files: [String: String]) -> [String: String] { system.merging(files) { $1 } }

    @Test func theSystemTellsWhatIsAvailable() throws {
        #expect(try bytes(system) == 3000 * 1024)
        #expect(try bytes([:]) == nil)
        #expect(try bytes(["proc/meminfo": "MemAvailable: much kB\n"]) == nil)
        #expect(AvailableMemory().bytes ?? 1 > 0)
    }

    /// Files that a group has read count as its use, but are dropped as soon as memory is wanted.
    @Test func cachedFilesOfAGroupAreFree() throws {
        let group = [
            "sys/fs/cgroup/memory.max": "1000000\n", "sys/fs/cgroup/memory.current": "990000\n",
            "sys/fs/cgroup/memory.stat": "anon 90000\ninactive_file 700000\nactive_file 200000\nfile 950000\n",
        ]
        #expect(try bytes(with(group)) == 1_000_000 - 90_000)
    }

    @Test func theTightestGroupAroundTheProcessCounts() throws {
        let groups = [
            "proc/self/cgroup": "0::/user.slice/app.scope\n",
            "sys/fs/cgroup/user.slice/memory.max": "500000\n", "sys/fs/cgroup/user.slice/memory.current": "100000\n",
            "sys/fs/cgroup/user.slice/app.scope/memory.max": "max\n",
            "sys/fs/cgroup/user.slice/app.scope/memory.current": "100000\n",
        ]
        #expect(try bytes(with(groups)) == 400_000)
    }

    @Test func groupsOfTheFirstVersionCountToo() throws {
        let groups = [
            "proc/self/cgroup": "4:cpu,memory:/a/b\n3:cpuset:/other\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "600000\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "500000\n",
            "sys/fs/cgroup/memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 250000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "500000\n",
        ]
        #expect(try bytes(with(groups)) == 350_000)
    }

    @Test func impossibleNumbersAreHarmless() throws {
        let group = [
            "proc/self/cgroup": "0::/../..\nnonsense\n::\n", "proc/meminfo": "MemAvailable: 9223372036854775807 kB\n",
            "sys/fs/cgroup/memory.max": "9223372036854775807\n", "sys/fs/cgroup/memory.current": "5\n",
            "sys/fs/cgroup/memory.stat": "inactive_file 9223372036854775807\nactive_file 9223372036854775807\n",
        ]
        #expect(try bytes(group) == Int.max)
        let full = ["sys/fs/cgroup/memory.max": "100\n", "sys/fs/cgroup/memory.current": "200\n"]
        #expect(try bytes(with(full)) == 0)
    }
}

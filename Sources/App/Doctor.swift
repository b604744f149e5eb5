import Chat
import Foundation
import Generation
import Inference
import Media
import Paths
import Screen
import Tensor
import Terminal

/// What there is to know about the program's surroundings, as lines to be pasted into a report.
struct Doctor {
    /// nil where none is loaded.
    let model: ModelDescription?
    /// Why there is none.
    var modelProblem: String?
    let store: SessionStore
    /// nil outside of the chat.
    let screen: Size?

    private static let environmentNames = ["TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "TMUX"]

    init(model: ModelDescription?, modelProblem: String? = nil, store: SessionStore, screen: Size?) {
        self.model = model
        self.modelProblem = modelProblem
        self.store = store
        self.screen = screen
    }

    var report: String {
        let rows = system + terminal + libraries + engine + folders
        let width = (rows.map(\.name.count).max() ?? 0) + 2
        return rows.map { row in
            row.name + String(repeating: " ", count: width - row.name.count)
                + SanitizedText.clean(row.value, newlines: .joined)
        }.joined(separator: "\n")
    }

    private struct Row {
        let name: String
        let value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    private var system: [Row] {
        [
            Row("emuchat", emuchatVersion),
            Row(
                "system",
                "\(SystemFile.field("PRETTY_NAME", of: "/etc/os-release", separator: "=") ?? "Linux"), \(Self.kernel)"),
            Row(
                "processor",
                "\(SystemFile.field("model name", of: "/proc/cpuinfo", separator: ":") ?? "unknown"), "
                    + "\(ThreadPool.availableProcessors) in use"),
            Row("kernels", "\(Precision.fast.kernelName) in fast precision, \(Kernels.variantName) in exact"),
            Row("memory", memory),
        ]
    }

    private var memory: String {
        let available = AvailableMemory().bytes.map(Self.size) ?? "unknown"
        let used = SystemFile.field("VmRSS", of: "/proc/self/status", separator: ":") ?? "unknown"
        return "\(available) available, \(used) in use by emuchat"
    }

    private var terminal: [Row] {
        let environment = ProcessInfo.processInfo.environment
        // What TMUX holds is a path of no use to anybody else.
        let values = Self.environmentNames.compactMap { name in
            environment[name].map { name == "TMUX" ? "inside tmux" : "\(name)=\($0)" }
        }
        let size = screen.map { "\($0.columns)×\($0.rows), " } ?? ""
        return [Row("terminal", size + (values.isEmpty ? "nothing set" : values.joined(separator: " ")))]
    }

    private var libraries: [Row] {
        let versions = [("ncurses", Terminal.libraryVersion), ("utf8proc", TextWidth.libraryVersion)]
        return (versions + MediaLibraries.versions).map { Row($0.0, $0.1) }
    }

    private var engine: [Row] {
        guard let model else { return [Row("model", modelProblem ?? "none is loaded")] }
        return [
            Row("model", "\(model.name), \(model.architecture), \(model.weightType), \(model.path)"),
            Row(
                "context",
                "\(model.contextLength) tokens, template \(model.templateName), \(model.precision) precision, "
                    + (model.seesImages ? "sees pictures" : "cannot see pictures")),
        ]
    }

    private var folders: [Row] {
        [
            ("sessions", store.folder), ("data", Folders.data.path), ("cache", Folders.cache.path),
            ("log", Folders.log.path),
        ].map { Row($0.0, Self.place($0.1)) }
    }

    /// A path with what stands in the way of using it, and the free space there.
    private static func place(_ path: String) -> String {
        var known = path
        while !FileManager.default.fileExists(atPath: known), known.count > 1 { known = PathName.folder(of: known) }
        if known.isEmpty { known = "." }
        var pieces = [path]
        if known != path { pieces.append("not there yet") }
        if access(known, W_OK) != 0 { pieces.append("may not be written") }
        var status = statvfs()
        if statvfs(known, &status) == 0 {
            let (free, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
                by: Int(clamping: status.f_frsize))
            if !overflow { pieces.append("\(size(free)) free") }
        }
        return pieces.joined(separator: ", ")
    }

    private static func size(_ bytes: Int) -> String {
        bytes < 10_000_000_000
            ? "\(bytes / 1_000_000) MB" : "\(bytes / 1_000_000_000) GB"
    }

    private static var kernel: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown kernel" }
        func text(_ tuple: some Any) -> String {
            withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"
    }
}

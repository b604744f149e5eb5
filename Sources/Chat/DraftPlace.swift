import Paths

/// Where a running program keeps its draft: `draft.json`, or for one that runs beside it `draft-2.json` and so on.
///
/// A place belongs to whoever holds the lock beside it, so that neither takes the other's draft for one that was left
/// behind. Blocks on the disk.
package final class DraftPlace: Sendable {
    /// More programs than these at once keep no drafts.
    private static let maximumCount = 16

    private let folder: String
    private let file: DraftFile?
    private let lock: SessionLock?

    /// Takes the first place in the folder that nobody holds.
    package init(folder: String) {
        self.folder = folder
        try? SessionFiles.makeFolder(folder)
        for number in 1...Self.maximumCount {
            do throws(SessionError) {
                lock = try Self.lock(folder, number)
                file = DraftFile(path: Self.path(folder, number))
                return
            } catch {
                if case .locked = error { continue }
                // Where nothing can be locked, saving will say what is wrong.
                (file, lock) = (DraftFile(path: Self.path(folder, 1)), nil)
                return
            }
        }
        (file, lock) = (nil, nil)
    }

    /// What was left here; else what a program left behind that had another place and runs no more.
    package func parts() -> [DraftPart] {
        guard let file, lock != nil else { return [] }
        let own = file.parts()
        guard own.isEmpty else { return own }
        for number in 1...Self.maximumCount where SessionFiles.exists(Self.path(folder, number)) {
            guard let lock = try? Self.lock(folder, number) else { continue }
            defer { lock.removeFile() }
            let other = DraftFile(path: Self.path(folder, number))
            let left = other.parts()
            guard !left.isEmpty, (try? file.save(left)) != nil else { continue }
            try? other.save([])
            return left
        }
        return []
    }

    /// Keeps a draft; an empty one removes what was kept before.
    package func save(_ parts: [DraftPart]) throws(SessionError) {
        try file?.save(parts)
    }

    /// Gives the place back; what was kept there stays.
    package func leave() {
        lock?.removeFile()
    }

    private static func path(_ folder: String, _ number: Int) -> String {
        "\(folder)/draft\(number == 1 ? "" : "-\(number)").json"
    }

    private static func lock(_ folder: String, _ number: Int) throws(SessionError) -> SessionLock {
        try SessionLock(path: path(folder, number) + ".lock", name: "draft")
    }
}

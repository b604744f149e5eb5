import Foundation
import Paths

extension SessionStore {
    /// Brings a deleted session back under its name, or the first one like it that is free, and returns that name.
    ///
    /// - Parameter trashed: where `delete` has put it.
    package func restore(_ trashed: String, as name: String) throws(SessionError) -> String {
        guard SessionNaming.isValid(name) else { throw .invalidName(name) }
        guard PathName.folder(of: trashed) == trashFolder, SessionFiles.exists(trashed) else {
            throw .notFound(name: name, folder: trashFolder, suggestion: nil)
        }
        let target = try SessionFiles.freePath(path(name).dropLast(".json".count).description, ending: ".json")
        guard calls.rename(trashed, target) == 0 else { throw SessionFiles.failure(target, errno) }
        let journal = trashed + ".journal"
        let restored = String((target as NSString).lastPathComponent.dropLast(".json".count))
        if SessionFiles.exists(journal) { _ = calls.rename(journal, journalPath(restored)) }
        SessionFiles.synchroniseFolder(trashFolder, calls: calls)
        SessionFiles.synchroniseFolder(folder, calls: calls)
        return restored
    }
}

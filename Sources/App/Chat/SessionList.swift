import Chat
import ChatUI
import Synchronization

/// The folder of sessions as the list on the screen shows and changes it. Blocks on the disk.
package final class SessionList: Sendable {
    private let store: SessionStore
    /// As last listed, by name: a search reads every session once, not twice.
    private let known = Mutex<[String: RecentSession]>([:])

    /// More are not looked through by anybody.
    private static let searchLimit = 100

    package init(store: SessionStore) {
        self.store = store
    }

    /// The sessions, the latest first; with a query those that hold it, the best first, with the words around it.
    package func entries(matching query: String) -> [RecentSession] {
        guard SessionQuery(query) != nil else { return all() }
        let hits = (try? store.search(query, limit: Self.searchLimit).hits) ?? []
        var known = known.withLock { $0 }
        if !hits.allSatisfy({ known[$0.name] != nil }) {
            known = Dictionary(all().map { ($0.name, $0) }) { first, _ in first }
        }
        return hits.compactMap { hit in
            guard var entry = known[hit.name] else { return nil }
            entry.title = hit.title
            entry.time = Double(hit.updated.milliseconds) / 1000
            entry.excerpt = hit.matches.first?.excerpt
            return entry
        }
    }

    private func all() -> [RecentSession] {
        let entries = ((try? store.list()) ?? []).compactMap { entry -> RecentSession? in
            guard case .session(let summary) = entry else { return nil }
            return RecentSession(
                name: summary.name, title: summary.title, time: Double(summary.updated.milliseconds) / 1000,
                turns: summary.turns, pictures: summary.pictures)
        }
        known.withLock { $0 = Dictionary(entries.map { ($0.name, $0) }) { first, _ in first } }
        return entries
    }

    package func delete(_ name: String, title: String) -> Action {
        do throws(SessionError) {
            let path = try store.delete(name)
            return .sessionDeleted(SessionBrowser.Deleted(name: name, title: title, path: path))
        } catch {
            return .sessionListFailed(error.description)
        }
    }

    package func restore(_ name: String, path: String) -> Action {
        do throws(SessionError) {
            _ = try store.restore(path, as: name)
            return .sessionListChanged
        } catch {
            return .sessionListFailed(error.description)
        }
    }

    /// Gives a session that nobody writes another title.
    package func retitle(_ name: String, _ title: String) -> Action {
        do throws(SessionError) {
            let writer = try store.open(name)
            var session = writer.session
            session.title = title
            try writer.save(session)
            return .sessionListChanged
        } catch {
            return .sessionListFailed(error.description)
        }
    }
}

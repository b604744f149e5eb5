import Chat
import ChatUI

/// The folder of sessions as the list on the screen shows and changes it.
struct SessionList: Sendable {
    let store: SessionStore

    /// The sessions, the latest first; with a query those that hold it, the best first, with the words around it.
    func entries(matching query: String) -> [RecentSession] {
        let summaries = ((try? store.list()) ?? []).compactMap { entry -> SessionStore.Summary? in
            if case .session(let summary) = entry { summary } else { nil }
        }
        guard SessionQuery(query) != nil else { return summaries.map { entry($0) } }
        let known = Dictionary(summaries.map { ($0.name, $0) }) { first, _ in first }
        return ((try? store.search(query)) ?? []).compactMap { hit in
            known[hit.name].map { entry($0, excerpt: hit.matches.first?.excerpt) }
        }
    }

    private func entry(_ summary: SessionStore.Summary, excerpt: String? = nil) -> RecentSession {
        RecentSession(
            name: summary.name, title: summary.title, time: Double(summary.updated.milliseconds) / 1000,
            turns: summary.turns, pictures: summary.pictures, excerpt: excerpt)
    }

    func delete(_ name: String, title: String) -> Action {
        do throws(SessionError) {
            let path = try store.delete(name)
            return .sessionDeleted(SessionBrowser.Deleted(name: name, title: title, path: path))
        } catch {
            return .sessionListFailed(error.description)
        }
    }

    func restore(_ name: String, path: String) -> Action {
        do throws(SessionError) {
            _ = try store.restore(path, as: name)
            return .sessionListChanged
        } catch {
            return .sessionListFailed(error.description)
        }
    }

    /// Gives a session that nobody writes another title.
    func retitle(_ name: String, _ title: String) -> Action {
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

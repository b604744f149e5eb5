import ChatUI
import Inference

extension ConversationKeeper {
    private static let nothingRead = "nothing of this conversation was read yet; ask something first"

    /// Takes over what was parked of the conversation when the engine has read another one, or none.
    func restoreContext(_ engine: InferenceEngine) async {
        guard let name = contextName, name != readName else { return }
        readName = name
        await engine.restoreParked(name)
    }

    /// Writes what the model has read of the conversation to disk, for whoever opens it next.
    func park() async -> Action {
        guard let engine, let name = contextName, name == readName else {
            return .contextNotParked("/park: \(Self.nothingRead)")
        }
        do {
            guard let parked = try await engine.park(as: name) else {
                return .contextNotParked("/park: \(Self.nothingRead)")
            }
            return .contextParked(tokens: parked.tokens, bytes: parked.bytes)
        } catch {
            return .contextNotParked("/park: \(error)")
        }
    }

    /// Parks when leaving; what to tell of it, nil when there was nothing to park.
    func parkOnLeaving() async -> String? {
        guard contextName != nil, contextName == readName else { return nil }
        switch await park() {
        case .contextNotParked(let problem): return "emuchat: \(problem)"
        default: return nil
        }
    }
}

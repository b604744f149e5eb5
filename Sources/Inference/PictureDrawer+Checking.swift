import Generation
import Models
import Pixels

/// What the model's safety checker says of pictures. The published pipeline paints over what it takes for unsafe; nobody
/// could tell such a picture from one that failed, so that here there is none, and words for it.
extension PictureDrawer {
    /// A whole picture, or that it is withheld; nil when cancelled.
    func checked(
        _ picture: PixelImage, isCancelled: () -> Bool, progress: (DrawingProgress) -> Void
    ) throws(InferenceError) -> Drawn? {
        guard let checker = decoder.safetyChecker else { return .picture(picture) }
        let total = checker.transformer.configuration.layerCount
        progress(DrawingProgress(stage: .checking, completed: 0, total: total))
        let verdict: SafetyChecker.Verdict?
        do {
            verdict = try checker.verdict(on: picture, pool: pool, isCancelled: isCancelled) { done in
                progress(DrawingProgress(stage: .checking, completed: done, total: total))
            }
        } catch { throw .model(error) }
        return verdict.map { $0.isFlagged ? .withheld : .picture(picture) }
    }

    /// Whether a preview may be shown; what a stopped drawing leaves is its last preview. Once cancelled, none may.
    func passes(_ preview: PixelImage, isCancelled: () -> Bool) throws(ModelError) -> Bool {
        guard let checker = decoder.safetyChecker else { return true }
        return try checker.verdict(on: preview, pool: pool, isCancelled: isCancelled)?.isFlagged == false
    }
}

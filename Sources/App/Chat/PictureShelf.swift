import Chat
import ChatUI
import Digest
import Media
import Pixels
import Screen
import Synchronization

/// The pictures of the conversation and of the draft: files as read, pixels, previews. Safe on any thread.
package final class PictureShelf: Sendable {
    /// Where a picture's bytes are.
    private enum Source {
        case read(LoadedImage)
        case stored(StoredImage)
    }

    private struct State {
        var sources: [Int: Source] = [:]
        /// Decoded pixels by the file's digest, the least recently used last.
        var pixels: [(digest: String, image: PixelImage)] = []
        var pixelBytes = 0
    }

    /// Pixels kept decoded: some tens of photographs.
    private static let pixelBytesLimit = 256 << 20

    private let state = Mutex(State())
    private let previews = PreviewCache()
    private let decoder = StillDecoder()
    private let store: SessionStore
    private let colors: PreviewColors

    package init(store: SessionStore, colors: PreviewColors) {
        self.store = store
        self.colors = colors
    }

    /// Reads a file that the user attached; slow.
    package func load(_ request: PictureRequest) -> Action {
        do {
            let loaded = try decoder.load(path: request.path)
            state.withLock { $0.sources[request.number] = .read(loaded) }
            return .pictureLoaded(
                number: request.number,
                PictureFacts(
                    name: loaded.fileName, width: loaded.pixels.width, height: loaded.pixels.height, note: loaded.note))
        } catch {
            // The screen names the path itself.
            let text = error.description
            return .pictureFailed(
                number: request.number,
                text.hasPrefix(request.path + ": ") ? String(text.dropFirst(request.path.count + 2)) : text)
        }
    }

    /// Takes the pictures of a session that was opened, numbered from 1.
    func adopt(_ images: [Int: StoredImage]) {
        state.withLock { state in
            for (number, image) in images { state.sources[number] = .stored(image) }
        }
    }

    /// Copies a picture beside the session and says what the session notes of it; nil for an unknown number.
    func store(number: Int) throws(SessionError) -> StoredImage? {
        switch state.withLock({ $0.sources[number] }) {
        case .stored(let image):
            return image
        case .read(let loaded):
            let file = try store.storeMedia(loaded.fileBytes, fileExtension: loaded.format.fileExtension)
            let image = StoredImage(
                file: file, name: loaded.fileName, width: loaded.pixels.width, height: loaded.pixels.height,
                format: loaded.format.name)
            remember(loaded.seenPixels, digest: file.sha256)
            state.withLock { $0.sources[number] = .stored(image) }
            return image
        case nil:
            return nil
        }
    }

    /// The pixels of a stored picture; decoded when they are not at hand.
    func pixels(of file: StoredFile) throws -> PixelImage {
        let known = state.withLock { state -> PixelImage? in
            guard let index = state.pixels.firstIndex(where: { $0.digest == file.sha256 }) else { return nil }
            let entry = state.pixels.remove(at: index)
            state.pixels.insert(entry, at: 0)
            return entry.image
        }
        if let known { return known }
        let image = try decoder.load(bytes: store.loadMedia(file), name: file.relativePath).seenPixels
        remember(image, digest: file.sha256)
        return image
    }

    /// Draws a preview; when the picture's file is gone, what to tell instead.
    func preview(number: Int, size: Size) -> Action? {
        switch state.withLock({ $0.sources[number] }) {
        case .read(let loaded):
            return rendered(number, loaded.pixels, digest: loaded.fileDigest, size)
        case .stored(let image):
            do {
                let pixels = try pixels(of: image.file)
                return rendered(number, pixels, digest: pixels.digest, size)
            } catch {
                return .pictureLoaded(
                    number: number,
                    PictureFacts(
                        name: image.name, width: image.width, height: image.height, note: "its copy cannot be read"))
            }
        case nil:
            return nil
        }
    }

    private func rendered(_ number: Int, _ image: PixelImage, digest: SHA256Digest, _ size: Size) -> Action {
        .previewRendered(number: number, previews.preview(of: image, digest: digest, within: size, colors: colors))
    }

    private func remember(_ image: PixelImage, digest: String) {
        state.withLock { state in
            guard !state.pixels.contains(where: { $0.digest == digest }) else { return }
            state.pixels.insert((digest, image), at: 0)
            state.pixelBytes += image.bytes.count
            while state.pixelBytes > Self.pixelBytesLimit, state.pixels.count > 1 {
                state.pixelBytes -= state.pixels.removeLast().image.bytes.count
            }
        }
    }
}

import Chat
import ChatUI
import Digest
import Generation
import Media
import Paths
import Pixels
import Screen
import Synchronization

/// The pictures of the conversation and of the draft: files as read, pixels, previews. Safe on any thread.
package final class PictureShelf: Sendable {
    /// Where the bytes of a picture or a clip are.
    private enum Source {
        case read(LoadedImage)
        case readClip(SampledClip)
        case stored(StoredMedium)
        /// What a drawing looks like by now.
        case sketch(PixelImage)
    }

    private struct State {
        var sources: [Int: Source] = [:]
        /// Decoded pixels by the file's digest, the least recently used last.
        var pixels: [(digest: String, image: PixelImage)] = []
        var pixelBytes = 0
    }

    /// Pixels kept decoded: some tens of photographs.
    private static let pixelBytesLimit = 256 << 20
    /// More are seldom meant by a pattern.
    private static let patternLimit = 64
    /// Whoever waits longer has meant something else.
    private static let patternTime = Duration.seconds(5)

    private let state = Mutex(State())
    private let previews = PreviewCache()
    private let decoder = StillDecoder()
    private let store: SessionStore
    private let colors: PreviewColors

    package init(store: SessionStore, colors: PreviewColors) {
        self.store = store
        self.colors = colors
    }

    /// Reads a file that the user attached, or finds those that a pattern means; slow.
    package func load(_ request: PictureRequest) -> Action {
        switch request.kind {
        case .still: loadStill(request)
        case .clip(let frames): loadClip(request, frames: frames)
        case .pattern(let literal): expand(request, literal: literal)
        }
    }

    private func expand(_ request: PictureRequest, literal: String) -> Action {
        switch FilePattern.matches(request.path, limit: Self.patternLimit, within: Self.patternTime) {
        case .files(let paths):
            // A file may have a name that looks like a pattern; where it is not there either, it is told as any other.
            return .patternExpanded(number: request.number, paths: paths.isEmpty ? [literal] : paths)
        case .tooMany:
            return .pictureFailed(
                number: request.number,
                "more than \(Self.patternLimit) files match, which is as many as are attached at once. Name fewer.")
        case .tookTooLong:
            return .pictureFailed(
                number: request.number,
                "looking through the folders took more than \(Self.patternTime.components.seconds) s. Name them nearer."
            )
        }
    }

    /// Which pictures and clips pasted text names.
    package func probe(_ probe: PasteProbe) -> Action {
        for reading in probe.readings {
            let found = reading.compactMap { path -> FoundMedium? in
                switch try? MediaKind.detect(path: path) {
                case .still: FoundMedium(path: path, isClip: false)
                case .video: FoundMedium(path: path, isClip: true)
                case .other, nil: nil
                }
            }
            if found.count == reading.count { return .pasteProbed(id: probe.id, found) }
        }
        return .pasteProbed(id: probe.id, [])
    }

    private func failed(_ request: PictureRequest, _ error: MediaError) -> Action {
        // The screen names the path itself.
        var text = error.description
        if text.hasPrefix(request.path + ": ") { text = String(text.dropFirst(request.path.count + 2)) }
        if case .notAPicture(_, let found) = error, found.hasPrefix("a video") {
            text = "is \(found). Attach it by /video."
        }
        return .pictureFailed(number: request.number, text)
    }

    private func loadClip(_ request: PictureRequest, frames: Int) -> Action {
        do {
            let clip = try SampledClip(VideoDecoder().sample(path: request.path, count: frames)) { image, digest in
                remember(image, digest: digest)
            }
            state.withLock { $0.sources[request.number] = .readClip(clip) }
            return .pictureLoaded(number: request.number, clip.facts)
        } catch {
            return failed(request, error)
        }
    }

    private func loadStill(_ request: PictureRequest) -> Action {
        do {
            let loaded = try decoder.load(path: request.path)
            state.withLock { $0.sources[request.number] = .read(loaded) }
            return .pictureLoaded(
                number: request.number,
                PictureFacts(
                    name: loaded.fileName, width: loaded.pixels.width, height: loaded.pixels.height, note: loaded.note))
        } catch {
            return failed(request, error)
        }
    }

    /// Takes the pictures and clips of a session that was opened.
    func adopt(_ media: [Int: StoredMedium]) {
        state.withLock { state in
            for (number, medium) in media { state.sources[number] = .stored(medium) }
        }
    }

    /// Copies a picture, or the frames of a clip, beside the session and says what the session notes of it; nil for an
    /// unknown number.
    func store(number: Int) throws(SessionError) -> StoredMedium? {
        switch state.withLock({ $0.sources[number] }) {
        case .stored(let medium):
            return medium
        case .sketch:
            // Never part of a question before it is stored.
            return nil
        case .readClip(let clip):
            let medium = StoredMedium.clip(try clip.stored(in: store))
            state.withLock { $0.sources[number] = .stored(medium) }
            return medium
        case .read(let loaded):
            let file = try store.storeMedia(loaded.fileBytes, fileExtension: loaded.format.fileExtension)
            let image = StoredImage(
                file: file, name: loaded.fileName, width: loaded.pixels.width, height: loaded.pixels.height,
                format: loaded.format.name)
            remember(loaded.seenPixels, digest: file.sha256)
            state.withLock { $0.sources[number] = .stored(.image(image)) }
            return .image(image)
        case nil:
            return nil
        }
    }

    /// Takes what a drawing looks like by now.
    func sketch(_ number: Int, _ image: PixelImage) {
        state.withLock { $0.sources[number] = .sketch(image) }
    }

    /// Forgets what a drawing looked like.
    func forgetSketch(_ number: Int) {
        state.withLock { $0.sources[number] = nil }
    }

    /// Keeps a drawn picture beside the session, and says what the session notes of it.
    func keep(_ png: [UInt8], _ image: PixelImage, named name: String, as number: Int) throws(SessionError)
        -> StoredImage
    {
        let file = try store.storeMedia(png, fileExtension: "png")
        let stored = StoredImage(
            file: file, name: name, width: image.width, height: image.height, format: StillFormat.png.name)
        remember(image, digest: file.sha256)
        adopt([number: .image(stored)])
        return stored
    }

    /// The pixels of a stored picture; decoded when they are not at hand.
    func pixels(of file: StoredFile) throws -> PixelImage {
        if let known = remembered(file.sha256) { return known }
        let image = try decoder.load(bytes: store.loadMedia(file), name: file.relativePath).seenPixels
        remember(image, digest: file.sha256)
        return image
    }

    /// Draws what an effect asks for, beside the event loop; nothing for effects of other kinds.
    func draw(_ effect: Effect, then post: @escaping @Sendable (Action) -> Void) {
        let action: @Sendable () -> Action?
        switch effect {
        case .renderPreview(let number, let size, let boxes):
            action = { self.preview(number: number, size: size, boxes: boxes) }
        case .renderStrip(let number, let layout):
            action = { self.strip(number: number, layout) }
        case .renderView(let number, let size, let strip, let boxes):
            action = { self.view(number: number, size: size, strip: strip, boxes: boxes) }
        default:
            return
        }
        Task.detached { if let action = action() { post(action) } }
    }

    /// Draws a preview; when the picture's file is gone, what to tell instead.
    func preview(number: Int, size: Size, boxes: [NumberedBox] = []) -> Action? {
        drawn(number) { medium in
            guard case .image(let image) = medium else { return nil }
            return .previewRendered(number: number, draw(image, size, boxes))
        }
    }

    /// Draws a clip's strip; when a frame's file is gone, what to tell instead.
    func strip(number: Int, _ layout: StripLayout) -> Action? {
        drawn(number) { .previewRendered(number: number, draw($0, layout)) }
    }

    /// Draws a picture or a clip as large as the screen.
    func view(number: Int, size: Size, strip: StripLayout?, boxes: [NumberedBox] = []) -> Action? {
        drawn(number) { medium in
            if let strip { return .viewRendered(number: number, draw(medium, strip)) }
            guard case .image(let image) = medium else { return nil }
            return .viewRendered(number: number, draw(image, size, boxes))
        }
    }

    /// The pixels of a picture or of a clip's frames.
    private enum Drawable {
        case image(PixelImage)
        case clip([PixelImage], times: [Double])
    }

    private func drawn(_ number: Int, _ draw: (Drawable) -> Action?) -> Action? {
        guard let source = state.withLock({ $0.sources[number] }) else { return nil }
        do {
            return draw(try drawable(source))
        } catch {
            guard case .stored(let medium) = source else { return nil }
            var facts = medium.facts
            facts.note = "its copy cannot be read"
            return .pictureLoaded(number: number, facts)
        }
    }

    private func drawable(_ source: Source) throws -> Drawable {
        switch source {
        case .read(let loaded): .image(loaded.pixels)
        case .sketch(let image): .image(image)
        case .readClip(let clip):
            .clip(
                try clip.frames.map { frame in
                    try remembered(frame.digest) ?? decoder.load(bytes: frame.png, name: clip.facts.name).pixels
                }, times: clip.facts.clip?.times ?? [])
        case .stored(.image(let image)): .image(try pixels(of: image.file))
        case .stored(.clip(let video)):
            .clip(try video.frames.map { try pixels(of: $0.file) }, times: video.frames.map(\.seconds))
        }
    }

    private func draw(_ image: PixelImage, _ size: Size, _ boxes: [NumberedBox] = []) -> CellBlock {
        // Boxes change with every answer, so that nothing is gained by remembering them.
        if !boxes.isEmpty { return PreviewRenderer.render(image, within: size, colors: colors, boxes: boxes) }
        return previews.preview(of: image, digest: image.digest, within: size, colors: colors)
    }

    private func draw(_ medium: Drawable, _ layout: StripLayout) -> CellBlock {
        switch medium {
        case .image(let image): draw(image, layout.size)
        case .clip(let frames, let times):
            layout.block(
                layout.shown.filter(frames.indices.contains).map { draw(frames[$0], layout.frame) }, times: times)
        }
    }

    private func remembered(_ digest: String) -> PixelImage? {
        state.withLock { state in
            guard let index = state.pixels.firstIndex(where: { $0.digest == digest }) else { return nil }
            let entry = state.pixels.remove(at: index)
            state.pixels.insert(entry, at: 0)
            return entry.image
        }
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

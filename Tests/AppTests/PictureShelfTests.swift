import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Screen
import Terminal
import TestSupport
import Testing

@testable import App

/// What is attached: found, read, stored, shown again.
@Suite struct PictureShelfTests {
    private let folder: URL
    private let store: SessionStore
    private let shelf: PictureShelf

    init() throws {
        folder = try TestSupport.temporaryFolder()
        store = SessionStore(folder: folder.path)
        shelf = PictureShelf(store: store, colors: .none)
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }
    private func fixture(_ name: String) -> String { TestSupport.fixture("MediaTests", name).path }

    /// Transparency is dropped and not shown on white: as the model's makers did it, now and when a session is opened again.
    @Test func whatTheModelSeesHasHiddenColours() throws {
        defer { remove() }
        let path = fixture("hidden-colours.png")
        guard case .pictureLoaded = shelf.load(PictureRequest(number: 1, path: path)),
            case .image(let image)? = try shelf.store(number: 1)
        else {
            Issue.record("not loaded")
            return
        }
        for shelf in [shelf, PictureShelf(store: store, colors: .none)] {
            // The fourth pixel is wholly transparent.
            #expect(try shelf.pixels(of: image.file).bytes[9..<12] == [10, 200, 30])
        }
        guard case .image(let asked) = try PromptMedia.image(argument: path) else {
            Issue.record("no picture")
            return
        }
        #expect(asked.bytes[9..<12] == [10, 200, 30])
    }

    @Test func aPatternFindsItsFiles() throws {
        defer { remove() }
        let start = fixture("quadrants.png").dropLast("quadrants.png".count)
        let request = PictureRequest(number: 4, path: start + "quadrants.[jp]*g", kind: .pattern(literal: "x"))
        guard case .patternExpanded(4, let paths) = shelf.load(request) else {
            Issue.record("not expanded")
            return
        }
        #expect(paths == [fixture("quadrants.jpg"), fixture("quadrants.png")])
    }

    @Test func aPatternWithoutMatchesIsAName() {
        defer { remove() }
        let request = PictureRequest(number: 1, path: folder.path + "/n[o].jpg", kind: .pattern(literal: "n[o].jpg"))
        guard case .patternExpanded(1, ["n[o].jpg"]) = shelf.load(request) else {
            Issue.record("not the name")
            return
        }
    }

    @Test func tooManyMatchesAreRefused() throws {
        defer { remove() }
        for number in 0..<65 { try Data().write(to: folder.appendingPathComponent("\(number).jpg")) }
        let request = PictureRequest(number: 1, path: folder.path + "/*.jpg", kind: .pattern(literal: "*.jpg"))
        guard case .pictureFailed(1, let text) = shelf.load(request) else {
            Issue.record("not refused")
            return
        }
        #expect(text == "more than 64 files match, which is as many as are attached at once. Name fewer.")
    }

    @Test func contentDecidesWhatAPasteIs() throws {
        defer { remove() }
        let disguised = folder.appendingPathComponent("disguised.txt")
        try FileManager.default.copyItem(atPath: fixture("quadrants.png"), toPath: disguised.path)
        let text = folder.appendingPathComponent("words.jpg")
        try Data("words".utf8).write(to: text)
        func found(_ readings: [[String]]) -> [FoundMedium] {
            guard case .pasteProbed(3, let found) = shelf.probe(PasteProbe(id: 3, readings: readings)) else {
                return []
            }
            return found
        }
        #expect(
            found([[disguised.path, fixture("steps.mp4")]]) == [
                FoundMedium(path: disguised.path, isClip: false), FoundMedium(path: fixture("steps.mp4"), isClip: true),
            ])
        #expect(found([[text.path]]).isEmpty)
        #expect(found([[folder.path]]).isEmpty)
        #expect(found([["/nowhere/a.jpg"]]).isEmpty)
        #expect(found([[disguised.path, text.path]]).isEmpty)
        #expect(found([["/no where"], [disguised.path]]).map(\.path) == [disguised.path])
    }

    @Test func aClipIsSampledStoredAndShownAgain() async throws {
        defer { remove() }
        let request = PictureRequest(number: 1, path: fixture("steps.mp4"), kind: .clip(frames: 3))
        guard case .pictureLoaded(1, let facts) = shelf.load(request) else {
            Issue.record("not loaded")
            return
        }
        #expect(facts.name == "steps.mp4" && facts.width == 48 && facts.height == 32)
        #expect(facts.clip?.frameCount == 30 && facts.clip?.times.count == 3)

        // Asked, it is one part with three frames, at their places and times.
        let mailbox = ActionMailbox {}
        let keeper = try ConversationKeeper(store: store, opening: "clip")
        let model = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        await keeper.connect(shelf: shelf, mailbox: mailbox)
        await keeper.use(try InferenceEngine(model: LoadedModel(path: model, options: ModelOptions(threadCount: 1))))
        let question = ConversationItem(id: 1, speaker: .user, parts: [.text("What is in "), .clip(1), .text("?")])
        await keeper.answer(
            GenerationRequest(
                question: question, answerID: 2, systemText: nil,
                options: GenerationOptions(maximumTokens: 2, temperature: 0)))
        let session = try store.load("clip")
        guard case .video(let video)? = session.messages.first?.parts[1].content else {
            Issue.record("no clip in \(session.messages)")
            return
        }
        #expect(video.frames.map(\.index) == [5, 15, 25] && video.frameCount == 30)
        #expect(session.messages.last?.answer?.unseenMedia == [1])
        for frame in video.frames { #expect(try !store.loadMedia(frame.file).isEmpty) }

        _ = mailbox.drain()
        await keeper.showBranch(.current, draftPictures: [])
        var shown: OpenedConversation?
        for case .branchShown(let conversation) in mailbox.drain() { shown = conversation }
        let picture = try #require(shown?.pictures.first)
        #expect(picture.isClip && picture.facts == facts)
        #expect(shown?.items.first?.parts == [.text("What is in "), .clip(1), .text("?")])
        #expect(shown?.items.last?.marks.first == .didNotSee([1]))
    }

    @Test func aClipIsNoPictureAndAPictureIsNoClip() {
        defer { remove() }
        guard case .pictureFailed(_, let clip) = shelf.load(PictureRequest(number: 1, path: fixture("steps.mp4"))),
            case .pictureFailed(_, let still) = shelf.load(
                PictureRequest(number: 2, path: fixture("quadrants.png"), kind: .clip(frames: 2)))
        else {
            Issue.record("taken")
            return
        }
        #expect(clip == "is a video (MP4). Attach it by /video.")
        #expect(still.hasPrefix("expected a video, found a PNG picture."))
    }
}

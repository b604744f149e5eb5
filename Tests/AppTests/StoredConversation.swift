import Chat
import Foundation
import Generation
import TestSupport

/// A conversation as the program would have stored it: a picture, an answer that was stopped, one that ended.
struct StoredConversation {
    let store: SessionStore
    let name = "emus"
    let path: String

    /// - Parameter tokenGap: milliseconds between the first answer's three tokens.
    init(in folder: URL, tokenGap: Int = 1) throws {
        store = SessionStore(folder: folder.path)
        let start = Timestamp(milliseconds: 1_795_269_720_123)
        let picture = TestSupport.fixture("MediaTests", "quadrants.png")
        let file = try store.storeMedia(Array(Data(contentsOf: picture)), fileExtension: "png")
        var session = Session(created: start, application: "emuchat test")
        session.append(role: .system, parts: [.text("Be brief.")], at: start)
        let image = StoredImage(file: file, name: "four colours.png", width: 40, height: 30, format: "png")
        session.append(
            role: .user, parts: [.text("What colours has "), .image(image), .text("?")],
            at: start.advanced(byMilliseconds: 1))
        Self.answer(["Red", ", gr", "een\nand"], " so on", .cancelled, gap: tokenGap, unseen: [1], to: &session)
        session.append(role: .user, parts: [.text("Sure?")], at: start.advanced(byMilliseconds: 60_000))
        Self.answer(["Quite", " sure."], "", .end, gap: 1, unseen: [], to: &session)
        let writer = try store.create(named: name, session)
        path = writer.path
    }

    private static func answer(
        _ pieces: [String], _ rest: String, _ reason: FinishReason, gap: Int, unseen: [Int], to session: inout Session
    ) {
        let answer = Answer(
            model: Answer.Model(name: "Tiny", path: "/nowhere/tiny.gguf", sha256: nil), template: "chatml",
            options: GenerationOptions(), seed: 1, kernel: "plain", precision: "exact", unseenMedia: unseen)
        var recording = AnswerRecording(
            id: session.nextID, parent: session.activeLeaf, created: session.created.advanced(byMilliseconds: 2),
            answer: answer)
        for (index, piece) in pieces.enumerated() {
            recording.append(id: Int32(index), text: piece, milliseconds: (index + 1) * gap)
        }
        recording.finish(reason, remainingText: rest, milliseconds: (pieces.count + 1) * gap)
        session.append(recording.message)
    }
}

import Foundation
import Generation
import TestSupport
import Testing

@testable import Chat

/// Other programs' formats, written and read.
struct ExchangeTests {
    private static let pixel: [UInt8] = [0x89, 0x50, 0x4E, 0x47]

    private func export(_ session: Session, missing: Bool = false) -> SessionExport {
        SessionExport(
            session, picture: { _ in missing ? nil : Self.pixel }, path: { "pictures/a (1).\($0.fileExtension)" })
    }

    /// A conversation whose words every format has to spell out of harm's way.
    private func hostile() throws -> Session {
        var session = Session(title: "<b>\u{1B}[2J", created: Examples.start)
        let image = StoredImage(file: try Examples.file(), name: "\"><i>](x)", width: 3, height: 2, format: "jpeg")
        session.append(
            role: .user,
            parts: [.text("</div><script>&\u{1B}]0;x\u{7}"), .image(image), .text(" <image> ?"), .text(" More.")],
            at: Examples.start)
        return session
    }

    @Test func everyFormatSpellsHostileTextHarmlessly() throws {
        for format in ExportFormat.allCases {
            let text = String(decoding: export(try hostile()).bytes(format), as: UTF8.self)
            let controls = text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
            #expect(controls.isEmpty, "\(format)")
        }
        let html = export(try hostile()).html
        #expect(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b>&"))
        #expect(html.contains("&lt;/div&gt;&lt;script&gt;&amp;"))
        #expect(html.contains("default-src 'none'"))
        // All that the page needs is in it.
        #expect(html.contains("<img src=\"data:image/jpeg;base64,iVBORw==\"") && !html.contains("http:"))
        // The picture stands on lines of its own.
        #expect(html.contains("</figure>&lt;image&gt; ? More.</div>"))
        let markdown = try export(hostile()).markdown
        #expect(markdown.contains(#"!["\>\<i\>\](x)](pictures/a%20%281%29.jpg)"#), "\(markdown)")
    }

    /// A question about two pictures, answered with boxes in the second one.
    private func grounded() throws -> Session {
        var session = Session(title: "where", created: Examples.start)
        let image = StoredImage(file: try Examples.file(), name: "a.jpg", width: 448, height: 224, format: "jpeg")
        session.append(
            role: .user, parts: [.image(image), .image(image), .text("Where is the <dog>?")], at: Examples.start)
        var answer = Examples.answer()
        answer.unseenMedia = []
        answer.dropped = nil
        answer.grounding = Answer.Grounding(picture: 2)
        var recording = AnswerRecording(id: 2, parent: 1, created: Examples.start, answer: answer)
        let pieces =
            ["<phrase>", " the <dog>", " </phrase>", " <object>"]
            + [56, 0, 112, 224].map { String(format: " <patch_index_%04d>", $0) } + [" </object>", " sleeps."]
        for (index, piece) in pieces.enumerated() {
            recording.append(id: Int32(index), text: piece, milliseconds: index)
        }
        recording.finish(.end, remainingText: "", milliseconds: 20)
        session.append(recording.message)
        return session
    }

    @Test func placesAreListedAndDrawn() throws {
        let export = export(try grounded())
        let html = export.html
        #expect(html.contains("the &lt;dog&gt; [1] sleeps."))
        #expect(html.contains("the &lt;dog&gt;: 112, 0, 224, 224</li>"))
        // Onto the second picture alone.
        let figures = html.components(separatedBy: "<figure>")
        #expect(
            figures.count == 3 && !figures[1].contains("<svg") && figures[2].contains("<svg viewBox=\"0 0 448 224\""))
        #expect(html.contains("<rect x=\"112\" y=\"0\" width=\"112\" height=\"224\""))
        let marked = SessionExport(
            try grounded(), picture: { _ in nil }, path: { _ in "" }, markup: { "<p>\($0.count)</p>" })
        #expect(marked.html.contains("<div class=\"markup\"><p>21</p></div>\n<ul class=\"places\">"))
        #expect(export.markdown.contains("the <dog> [1] sleeps.\n"))
        #expect(export.markdown.contains("\n- 1 the <dog>: 112, 0, 224, 224"))
        for format in [ExportFormat.asciicast, .asciicastV2, .html, .markdown] {
            let text = String(decoding: export.bytes(format), as: UTF8.self)
            #expect(!text.contains("patch_index") && text.contains("112, 0, 224, 224"), "\(format)")
        }
        // Programs get the words of the model.
        #expect(String(decoding: export.bytes(.openai), as: UTF8.self).contains("<patch_index_0056>"))
    }

    @Test func answersAloneAreMarkedUp() throws {
        var session = Session(created: Examples.start)
        session.append(role: .user, parts: [.text("Be *brief*.")], at: Examples.start)
        session.append(role: .assistant, parts: [.text("Zwei "), .text("Pudel")], at: Examples.start)
        let picture = StoredImage(file: try Examples.file(), name: "a", width: 1, height: 1, format: "png")
        session.append(role: .assistant, parts: [.text("Drawn"), .image(picture)], at: Examples.start)
        let export = SessionExport(session, picture: { _ in nil }, path: \.relativePath) { "<em>\($0)</em>" }
        #expect(export.html.contains("<div class=\"markup\"><em>Zwei Pudel</em></div>"))
        #expect(export.html.contains("<div>Be *brief*.</div>") && export.html.contains("<div>Drawn<figure>"))
        #expect(export.html.components(separatedBy: "<em>").count == 2)
    }

    @Test func openAIMessagesComeBackAsTheyWere() throws {
        let session = try Examples.session()
        let imported = try SessionImport(export(session).bytes(.openai)).conversations
        let messages = try #require(imported.first)
        #expect(messages.map(\.role) == [.system, .user, .assistant, .user])
        let picture = { (number: Int) in
            ImportedMessage.Part.picture(
                "data:image/\(number == 1 ? "jpeg" : "png");base64,iVBORw==",
                path: "messages[1].content[\(number)].image_url.url")
        }
        #expect(
            messages[1].parts == [
                .text("What breed is "), picture(1), .text(" and\nwho is in "), picture(3), picture(4),
            ])
        #expect(messages[2].parts == [.text("Zwei Pudel 🐩.")])
        #expect(SessionImport.data(ofURL: "data:image/jpeg;base64,iVBORw==") == Self.pixel)
        #expect(SessionImport.data(ofURL: "data:text/plain,x") == nil)
        #expect(export(session).losses(.openai) == ["clips became single pictures"])
    }

    @Test func llavaRecordsComeBackAsTheyWere() throws {
        let imported = try SessionImport(export(try hostile()).bytes(.llava)).conversations
        let parts = try #require(imported.first?.first?.parts)
        #expect(parts.count == 3 && parts[1] == .picture("pictures/a (1).jpg", path: "[0].image"))
        #expect(parts[2] == .text(" < image> ? More."))
        #expect(export(try hostile()).losses(.llava).count == 1)
        #expect(export(try hostile(), missing: true).losses(.llava).count == 2)
    }

    @Test(arguments: [
        (#"{"messages":[{"role":"robot","content":"x"}]}"#, "messages[0].role"),
        (#"{"messages":[{"role":"user","content":7}]}"#, "messages[0].content"),
        (#"{"messages":[{"role":"user","content":[{"type":"sound"}]}]}"#, "messages[0].content[0].type"),
        (#"[{"conversations":[{"from":"human","value":7}]}]"#, "[0].conversations[0].value"),
        (#"[{"image":["a.jpg","b.jpg"],"conversations":[{"from":"human","value":"<image>"}]}]"#, "[0].image"),
        (#"{"format":"emuchat-session"}"#, "format"), ("[]", "the file"), ("[[1]]", "[0]"), ("7", "the file"),
        (#"{"messages":[]}"#, "the file"), ("{", "line 1, column 2"),
    ])
    func whatIsWrongIsNamed(_ text: String, _ place: String) {
        do throws(SessionFormatError) {
            _ = try SessionImport(Array(text.utf8))
            Issue.record("accepted: \(text)")
        } catch {
            #expect(error.description.hasPrefix(place + ":"), "\(error)")
        }
    }

    @Test func shareGPTWithoutPicturesIsReadToo() throws {
        let text =
            #"[{"conversations":[{"from":"human","value":"<image> Hi"},{"from":"gpt","value":"Ho"}]},"#
            + #"{"conversations":[{"from":"user","value":"Two"}]}]"#
        let imported = try SessionImport(Array(text.utf8)).conversations
        #expect(imported.count == 2 && imported[0][0].parts == [.text("<image> Hi")])
        let session = SessionImport.session(of: imported[0], at: Examples.start, application: "test") { _, _ in
            .text("")
        }
        #expect(session.title == "<image> Hi" && session.messages.map(\.role) == [.user, .assistant])
    }

    @Test func theRecordingForTerminalsKeepsItsTimes() throws {
        var session = try Examples.session()
        session.show(leaf: 3)
        let lines = try export(session).bytes(.asciicast).split(separator: 10).map { try JSONParser.parse(Array($0)) }
        #expect(lines[0]["version"] == .integer(3) && lines[0]["term"]?["cols"] == .integer(80))
        var time = 0.0
        var text = ""
        var wordTimes = [String: Double]()
        for line in lines.dropFirst() {
            guard case .array(let fields) = line, fields.count == 3, case .string(let words) = fields[2] else {
                Issue.record("\(line)")
                continue
            }
            if case .number(let spelling) = fields[0] { time += Double(spelling) ?? .nan }
            text += words
            for word in ["Zwei", "Pudel"] where words.contains(word) { wordTimes[word] = time }
        }
        // 150 ms between the tokens, as recorded.
        #expect(abs((wordTimes["Pudel"] ?? 0) - (wordTimes["Zwei"] ?? 0) - 0.15) < 1e-6)
        #expect(text.contains("[Image #1]") && text.contains("Be brief."))
        let last: JSONValue = .array([.number("1.0"), .string("x"), .string("0")])
        #expect(lines.last == last)
    }

    @Test func damagedFilesNeverCrashAnImport() throws {
        var random = SeededGenerator(seed: 31)
        var (accepted, refused) = (0, 0)
        let files = [export(try Examples.session()).bytes(.openai), export(try Examples.session()).bytes(.llava)]
        for number in 0..<Mutation.count(default: 1000) {
            do throws(SessionFormatError) {
                _ = try SessionImport(Mutation.mutate(files[number % 2], with: &random))
                accepted += 1
            } catch {
                #expect(error.description.contains(":"))
                refused += 1
            }
        }
        #expect(accepted > 0 && refused > 0)
    }
}

import ChatUI
import Foundation
import Generation
import Screen
import TestSupport
import Testing

/// Whole screens against files in `Golden`. `EMUCHAT_RECORD_GOLDEN=1 swift test --filter GoldenScreenTests` writes the
/// files anew; look at the difference before it is committed.
@Suite struct GoldenScreenTests {
    private static let sizes = [Size(columns: 80, rows: 24), Size(columns: 40, rows: 12), Size(columns: 200, rows: 50)]

    @Test(arguments: Screens.all.map(\.name), sizes)
    func screen(name: String, size: Size) throws {
        let screen = try #require(Screens.all.first { $0.name == name })
        let chat = screen.make(size)
        let frame = chat.frame
        #expect(frame.size == size)
        let cursor = frame.cursor.map { "cursor \($0.column),\($0.row)\n" } ?? "no cursor\n"
        let shown = frame.plainText + "---\n" + cursor + frame.styleRuns
        let file = TestSupport.projectRoot
            .appendingPathComponent("Tests/ChatUITests/Golden/\(name)-\(size.columns)x\(size.rows).txt")
        if ProcessInfo.processInfo.environment["EMUCHAT_RECORD_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(shown.utf8).write(to: file)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(shown == golden, "the screen differs from \(file.lastPathComponent):\n\(frame.plainText)")
    }
}

/// How each screen comes about.
enum Screens {
    struct Screen: Sendable {
        let name: String
        let make: @Sendable (Size) -> ScriptedChat
    }

    static let all: [Screen] = [
        Screen(name: "start") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.act(
                .recentSessionsListed([
                    RecentSession(
                        name: "a", title: "dogs of the park", time: ScriptedChat.noon - 60, turns: 12, pictures: 2),
                    RecentSession(
                        name: "b", title: "receipts march", time: ScriptedChat.noon - 86_400, turns: 1, pictures: 1),
                    RecentSession(
                        name: "c", title: "emu の論文, table 2", time: ScriptedChat.noon - 1e7, turns: 3, pictures: 0),
                ]))
            return chat
        },
        Screen(name: "loading") { size in
            var chat = ScriptedChat(
                columns: size.columns, rows: size.rows,
                model: .loading(ModelLoading(name: "SmolLM2 135M", share: 0, since: ScriptedChat.noon)))
            chat.act(.ticked(ScriptedChat.noon + 3.4))
            chat.act(.modelLoadingProgressed(share: 0.63))
            chat.type("What is a poodle?\nand a")
            return chat
        },
        Screen(name: "pictures") { size in
            var chat = conversation(size)
            chat.type("ではまた 👨‍👩‍👧 ")
            return chat
        },
        Screen(name: "attached") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("What breed is the dog in /image dog2.jpg more.jpg\n")
            chat.load(1, "dog2.jpg")
            return chat
        },
        Screen(name: "placing") { size in
            var model = ScriptedChat.seeingModel
            model.drawing = DrawingLimits(sizeStep: 8, greatestSide: 4096, mostSteps: 1000)
            var chat = ScriptedChat(columns: size.columns, rows: size.rows, model: .ready(model))
            chat.type("/box a tree 10 20 120 440\n/box the cat\n")
            chat.press(Key(.right), Key(.right), Key(.down))
            return chat
        },
        Screen(name: "streaming") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("Tell me of 日本の犬 and 🐩s\n")
            chat.start()
            chat.answer("Poodles are clever dogs.\n • 犬は賢い動物です。プードルは特に賢い犬種として知られています。\n • a greyer muzzle")
            return chat
        },
        Screen(name: "interleaved") { size in
            var chat = ScriptedChat(
                columns: size.columns, rows: size.rows, model: .ready(InterleavedTests.openingModel))
            chat.type("/set interleaved on\nTell me of foxes\n")
            chat.start()
            chat.answer("A fox in the snow:")
            chat.act(.pictureDrawn(number: 1, InterleavedTests.facts("not drawn yet")))
            chat.answer("and what it dreams of:")
            chat.act(.pictureDrawn(number: 2, InterleavedTests.facts("not drawn yet")))
            chat.answer("a *warm* den.")
            chat.act(.pictureNotDrawn(number: 2, "the model's weights are damaged"))
            chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: 0, total: 50)))
            chat.act(.ticked(ScriptedChat.noon + 10))
            chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: 10, total: 50)))
            chat.act(.pictureDrawn(number: 1, InterleavedTests.facts("step 10 of 50")))
            return chat
        },
        Screen(name: "markdown") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("Compare them\n")
            chat.start()
            chat.answer(
                """
                # Two dogs
                Both are **poodles**, *clever* ones: `weight > 20`.
                1. greyer muzzle
                   - 灰色の毛 🐩
                2. [thinner coat](https://example.org/coat)

                | Dog | Weight | Note |
                |:----|-------:|------|
                | First | 25 kg | 賢い dog with a very long note that has to be wrapped somewhere |
                | Second 🐕 | 8 kg | ~~old~~ |

                > Quoted, with
                > - [x] a task

                ```swift
                let heavier = max(25, 8)
                ```
                """)
            return chat
        },
        Screen(name: "stopped") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("Count to a thousand\n")
            chat.start()
            chat.answer("One, two, three, four,")
            chat.press(.escape)
            chat.finish(.cancelled)
            return chat
        },
        Screen(name: "error") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("Hello\n")
            chat.act(.generationEventArrived(.failed(.contextOverflow(needed: 2310, available: 2048))))
            chat.type("What is in /image ~/Pictrues/dog.jpg\n")
            chat.act(.pictureFailed(number: 1, "no such file. Did you mean ~/Pictures/dog.jpg?"))
            return chat
        },
        Screen(name: "help") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("/help\n")
            return chat
        },
        Screen(name: "leaving") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("unsent")
            chat.press(.control("c"))
            return chat
        },
        Screen(name: "scrolled") { size in
            var chat = conversation(size)
            chat.type("And now tell me a long story\n")
            chat.start()
            chat.answer((1...40).map { "Line \($0) of the story.\n" }.joined())
            chat.press(Key(.pageUp))
            chat.answer("More of it.")
            return chat
        },
        Screen(name: "overflow") { size in
            var chat = conversation(size)
            chat.type("And which of the two is heavier?\n")
            chat.act(.contextOverflowed(.example, droppedTurns: 0))
            return chat
        },
        Screen(name: "shortened") { size in
            var chat = conversation(size)
            chat.type("And which of the two is heavier?\n")
            chat.act(.contextOverflowed(.example, droppedTurns: 0))
            chat.type("1")
            chat.act(.conversationShortened(turns: 3, pictures: 0))
            chat.start(unseen: [2])
            chat.answer("The second")
            return chat
        },
        Screen(name: "branches") { size in
            var chat = conversation(size)
            let items = chat.state.items
            chat.act(
                .messagesPlaced([
                    items[0].id: BranchPlace(messageID: 3, alternatives: [1, 3]),
                    items[1].id: BranchPlace(messageID: 5, alternatives: [2, 4, 5]),
                ]))
            chat.type("/edit 1\n")
            return chat
        },
        Screen(name: "terms") { size in
            var chat = ScriptedChat(
                columns: size.columns, rows: size.rows,
                model: .loading(ModelLoading(name: "emu2", since: ScriptedChat.noon)))
            var model = ScriptedChat.seeingModel
            model.termsToTell =
                "Emu2-Chat: Emu2's weights derive from Meta's LLaMA 1 and follow its terms: non-commercial research use "
                + "only, for those to whom Meta granted access."
            chat.act(.modelLoaded(model))
            return chat
        },
        Screen(name: "grounded") { size in
            var chat = ScriptedChat(
                columns: size.columns, rows: size.rows, model: .ready(ScriptedChat.seeingModel))
            chat.type("/image dog2.jpg\n")
            chat.load(1, "dog2.jpg")
            chat.press(.alt("g"))
            chat.type("Where are the dogs?\n")
            for case .renderPreview(1, let size, _) in chat.effects {
                if let block = preview(size) { chat.act(.previewRendered(number: 1, block)) }
            }
            chat.start()
            func box(_ numbers: [Int]) -> String {
                numbers.map { String(format: "<patch_index_%04d>", $0) }.joined(separator: " ")
            }
            chat.answer(
                "<phrase> the two poodles </phrase> <object> \(box([3, 20, 100, 224])) </delimiter_of_multi_objects/> "
                    + "\(box([110, 24, 210, 222])) </object> lie before <phrase> 赤い門 </phrase> <object> "
                    + "\(box([0, 0, 224, 90])) </object> and <phrase> a cat </phrase> <object> \(box([7, 7, 7, 90]))"
                    + " </object> .")
            chat.finish()
            chat.press(.alt("g"))
            return chat
        },
        Screen(name: "clip") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.type("What happens in /video '/home/ada/猫 at play.mp4'\n")
            let times = (0..<8).map { (Double($0) + 0.5) * 15 }
            chat.act(
                .pictureLoaded(
                    number: 1,
                    PictureFacts(
                        name: "猫 at play.mp4", width: 1920, height: 1080,
                        clip: ClipFacts(times: times, frameCount: 3600, seconds: 120))))
            for effect in chat.type("?\n") {
                guard case .renderStrip(1, let layout) = effect else { continue }
                let frames = layout.shown.compactMap { _ in preview(layout.frame) }
                chat.act(.previewRendered(number: 1, layout.block(frames, times: times)))
            }
            chat.start(unseen: [1])
            chat.answer("I cannot tell.")
            chat.finish()
            return chat
        },
        Screen(name: "picture-view") { size in
            var chat = conversation(size)
            for effect in chat.type("/view 1\n") {
                guard case .renderView(1, let room, nil, _) = effect,
                    let block = preview(Size(columns: min(room.columns, room.rows * 2), rows: room.rows))
                else { continue }
                chat.act(.viewRendered(number: 1, block))
            }
            return chat
        },
        Screen(name: "sessions") { size in
            var chat = conversation(size)
            chat.type("half a draft")
            chat.press(.control("o"))
            chat.act(.sessionsListed(request: 1, sessions))
            chat.act(.sessionSaved(name: "a"))
            chat.press(.down)
            return chat
        },
        Screen(name: "sessions-search") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.press(.control("o"))
            chat.type("論文")
            var found = sessions[2]
            found.excerpt = "…the emu の論文 says in table 2 that 👨‍👩‍👧 and"
            chat.act(.sessionsListed(request: 3, [found]))
            chat.act(
                .sessionDeleted(
                    SessionBrowser.Deleted(name: "b", title: "receipts march", path: "/s/trash/b.json")))
            return chat
        },
        Screen(name: "history-search") { size in
            var chat = conversation(size)
            chat.act(.historyLoaded(["What is an emu?", "犬の名前を三つ教えて"]))
            chat.press(.control("r"))
            chat.type("犬")
            return chat
        },
        Screen(name: "completion") { size in
            var chat = conversation(size)
            chat.type("/image ~/Pictures/d")
            chat.press(Key(.tab))
            chat.act(
                .pathsCompleted(request: 1, ["dog 1.jpg", "dog 2.jpg", "dogs/", "犬.png"].filter { $0.hasPrefix("d") }))
            return chat
        },
        Screen(name: "replay") { size in
            var chat = conversation(size)
            let status = ReplayStatus(position: 42, duration: 130, speed: 1, isPaused: false)
            chat.act(.replayAdvanced(status, items: Array(chat.state.items.prefix(2))))
            return chat
        },
        Screen(name: "narrow-words") { size in
            var chat = ScriptedChat(columns: size.columns, rows: size.rows)
            chat.act(.inputArrived(.paste("first line\nsecond " + String(repeating: "long ", count: 60) + "\n終わり")))
            return chat
        },
    ]

    /// Two pictures in one question, one with its preview, and an answer that saw neither.
    private static func conversation(_ size: Size) -> ScriptedChat {
        var chat = ScriptedChat(columns: size.columns, rows: size.rows)
        chat.type("What breed is the dog in /image dog2.jpg '/home/ada/IMG 2031.HEIC'\n")
        chat.press(.control("h"), .control("b"))
        chat.type("and is it older than the one in ")
        chat.press(.control("e"))
        chat.type("?")
        chat.load(1, "dog2.jpg")
        chat.load(2, "IMG 2031.HEIC", width: 4032, height: 3024)
        chat.press(.enter)
        let size = chat.effects.compactMap { effect in
            if case .renderPreview(1, let size, _) = effect { size } else { nil }
        }.first
        if let size, let block = preview(size) { chat.act(.previewRendered(number: 1, block)) }
        chat.start(unseen: [1, 2])
        chat.answer("Both look like poodles. The first has a greyer muzzle and a thinner coat.")
        chat.finish()
        return chat
    }

    private static let sessions = [
        RecentSession(name: "a", title: "dogs of the park", time: ScriptedChat.noon - 60, turns: 12, pictures: 2),
        RecentSession(name: "b", title: "receipts march", time: ScriptedChat.noon - 86_400, turns: 1, pictures: 1),
        RecentSession(
            name: "c", title: "emu の論文, table 2, and a title that goes on and on", time: ScriptedChat.noon - 1e7,
            turns: 3, pictures: 0),
    ]

    private static func preview(_ size: Size) -> CellBlock? {
        let glyphs = ["▁", "▃", "▅", "▇", "█"]
        let cells = (0..<size.columns * size.rows).map { index in
            Cell(
                text: glyphs[(index % size.columns + index / size.columns) % glyphs.count],
                style: Style(foreground: .palette(UInt8(16 + index / size.columns)), background: .palette(236)))
        }
        return CellBlock(size: size, cells: cells)
    }
}

import Generation
import Screen
import Testing

@testable import ChatUI

/// `/box NAME`: a box that is placed with keys.
@Suite struct BoxPlacementTests {
    private static let drawingModel = {
        var model = ScriptedChat.seeingModel
        model.drawing = DrawingLimits(sizeStep: 8, greatestSide: 4096, mostSteps: 1000)
        return model
    }()

    /// In 80x24 the grid is 44 cells wide and 22 high: 10 units a column, 20 a row.
    private func chat(_ typed: String = "/box the cat\n", columns: Int = 80, rows: Int = 24) -> ScriptedChat {
        var chat = ScriptedChat(columns: columns, rows: rows, model: .ready(Self.drawingModel))
        chat.type(typed)
        return chat
    }

    private func edges(_ chat: ScriptedChat) -> [Int]? {
        chat.state.boxPlacement.map { [$0.box.left, $0.box.top, $0.box.right, $0.box.bottom] }
    }

    @Test func arrowsMoveAndSizeByCells() {
        var chat = chat()
        #expect(edges(chat) == [112, 112, 336, 336])
        chat.press(Key(.right), Key(.right), Key(.down), Key(.left))
        #expect(edges(chat) == [122, 132, 346, 356])
        chat.press(Key(.left, .shift), Key(.up, .shift))
        #expect(edges(chat) == [122, 132, 336, 336])
        chat.press(Key(.tab), Key(.right), Key(.down), Key(.tab), Key(.up))
        #expect(edges(chat) == [122, 112, 346, 336])
        #expect(chat.frame.plainText.contains(" the cat 122 112 346 336"))
    }

    @Test func itStaysInTheGridAndKeepsASize() {
        var chat = chat()
        for _ in 0..<60 { chat.press(Key(.left), Key(.up)) }
        #expect(edges(chat) == [0, 0, 224, 224])
        for _ in 0..<60 { chat.press(Key(.right), Key(.down)) }
        #expect(edges(chat) == [224, 224, 448, 448])
        for _ in 0..<60 { chat.press(Key(.right, .shift), Key(.down, .shift)) }
        #expect(edges(chat) == [224, 224, 448, 448])
        for _ in 0..<60 { chat.press(Key(.left, .shift), Key(.up, .shift)) }
        #expect(edges(chat) == [224, 224, 234, 244])
    }

    @Test func enterPlacesItForTheNextDrawing() {
        var chat = chat("/box a tree 0 0 100 448\n/box the cat\n")
        // Keys of the chat mean nothing meanwhile, and nothing is typed.
        chat.press(Key(.character("x")), Key(.pageUp), .control("o"))
        chat.act(.inputArrived(.paste("pasted")))
        #expect(chat.draft == "|" && chat.state.browser == nil)
        chat.press(.enter)
        #expect(chat.state.boxPlacement == nil)
        #expect(chat.state.boxes.map(\.text) == ["a tree 0 0 100 448", "the cat 112 112 336 336"])
        #expect(chat.frame.plainText.contains("the next /draw: a tree in 0 0 100 448, the cat in 112 112 336 336"))
        // By its name it is taken up again.
        chat.type("/box a tree\n")
        #expect(edges(chat) == [0, 0, 100, 448])
        chat.press(Key(.right), .enter)
        #expect(chat.state.boxes.map(\.text) == ["a tree 10 0 110 448", "the cat 112 112 336 336"])
    }

    @Test(arguments: [Key.escape, .control("c"), .control("g"), Key(.character("q"))])
    func leavingPlacesNothing(key: Key) {
        var chat = chat()
        chat.press(key)
        #expect(chat.state.boxPlacement == nil && chat.state.boxes.isEmpty && !chat.state.isAskingToLeave)
        #expect(chat.frame.plainText.contains("no box was placed"))
    }

    @Test func theLastDrawingLiesBelow() throws {
        var chat = chat("/draw a garden\n")
        chat.act(
            .pictureDrawn(number: 1, PictureFacts(name: "drawing.png", width: 1024, height: 1024, note: "50 steps")))
        let summary = GenerationSummary(
            finishReason: .end, remainingText: "", generatedTokens: 0, contextTokens: 0, firstTokenSeconds: 9,
            totalSeconds: 9)
        chat.act(.generationEventArrived(.finished(summary)))
        let effects = chat.type("/box the cat\n")
        #expect(effects.contains(.renderView(number: 1, size: Size(columns: 80, rows: 22), strip: nil)))
        let cells = Array(repeating: Cell(text: "%"), count: 40 * 20)
        let block = try #require(CellBlock(size: Size(columns: 40, rows: 20), cells: cells))
        chat.act(.viewRendered(number: 1, block))
        #expect(chat.frame.plainText.contains("%"))
        // A column is 11 units then, and once for each size of the screen is asked.
        #expect(chat.press(Key(.right)).isEmpty)
        #expect(edges(chat) == [123, 112, 347, 336])
        let resized = chat.act(.inputArrived(.resized(Size(columns: 60, rows: 20))))
        #expect(resized.contains(.renderView(number: 1, size: Size(columns: 60, rows: 18), strip: nil)))
    }

    @Test func aDrawingSharpensBelowTheBox() throws {
        var chat = chat("/draw a garden\n")
        func facts(_ note: String) -> PictureFacts {
            PictureFacts(name: "drawing.png", width: 1024, height: 1024, note: note)
        }
        chat.act(.pictureDrawn(number: 1, facts("step 2 of 50")))
        chat.type("/box the cat\n")
        let cells = Array(repeating: Cell(text: "%"), count: 40 * 20)
        chat.act(.viewRendered(number: 1, try #require(CellBlock(size: Size(columns: 40, rows: 20), cells: cells))))
        let asked = chat.act(.pictureDrawn(number: 1, facts("step 4 of 50")))
        #expect(asked.contains(.renderView(number: 1, size: Size(columns: 80, rows: 22), strip: nil)))
        // What was there is shown meanwhile.
        #expect(chat.frame.plainText.contains("%"))
    }

    @Test func aPictureThatIsNotThereIsTold() {
        let chat = chat("/box [Image #4]\n")
        #expect(chat.state.inputErrors.first?.hasPrefix("/box: there is no picture [Image #4]") == true)
        #expect(chat.state.boxPlacement == nil && chat.draft == "/box [Image #4]|")
    }

    /// Nobody sees where it would be.
    @Test func linesOfTextTakeNumbers() {
        var chat = ScriptedChat(model: .ready(Self.drawingModel))
        chat.state.setting.hasScreen = false
        chat.type("/box the cat\n")
        #expect(
            chat.state.inputErrors == [
                "/box the cat: it takes a name and four whole numbers, left, top, right, bottom, that make a box"
            ])
    }

    @Test(arguments: [Size(columns: 40, rows: 12), Size(columns: 41, rows: 13), Size(columns: 300, rows: 12)])
    func everySizeShowsItAndWhatKeysDo(size: Size) {
        let text = chat(
            "/box \u{1B}[31m日本の猫 of a very long name that goes on and on\n", columns: size.columns, rows: size.rows
        )
        .frame.plainText
        #expect(text.contains("┌") && text.contains("┘") && text.contains("112 112 336 336"))
        #expect(text.contains("Enter") && text.contains("Esc") && !text.contains("\u{1B}"))
    }
}

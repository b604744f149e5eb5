// The real driver under the real reducer, for a test that plays the terminal: see TerminalTests/Reference/emulate.py.
//
// Usage: terminal-probe SEED LOG. Keys arrive on standard input as always. Three keys are the test's: F9 streams a piece
// of a hostile answer, F10 opens a conversation with a picture, F12 asks for the frame. That is written to LOG, one line
// of JSON, and its number to the terminal as OSC 777, so that the test knows when it has seen everything before it.

import ChatUI
import Foundation
import Generation
import Screen
import Terminal
import TestSupport

/// What the probe writes of a frame.
struct ShownFrame: Encodable {
    let columns: Int
    let rows: Int
    /// Text of each cell, row by row; empty in the second half of a wide one.
    let cells: [String]
    /// 1 bold, 2 reverse.
    let attributes: [Int]
    let cursor: [Int]?

    init(_ frame: Frame) {
        columns = frame.size.columns
        rows = frame.size.rows
        cells = frame.cells.map(\.text)
        attributes = frame.cells.map { cell in
            (cell.style.attributes.contains(.bold) ? 1 : 0) + (cell.style.attributes.contains(.reverse) ? 2 : 0)
        }
        cursor = frame.cursor.map { [$0.column, $0.row] }
    }
}

/// Pieces of answers: Markdown, wide and combining characters, and what must never reach a terminal.
let pieces = [
    "# Dogs\n\n", "a **bold** word ", "`code` ", "- item\n", "\n\n", "| a | b |\n|---|--:|\n| 犬 | 2 |\n",
    "```\nlet a = 1\n```\n",
    "日本の犬は賢い。", "e\u{301}te\u{301} ", "🐩 ", "👩‍👩‍👧 ", "🇩🇪 ", "\u{1B}[2J", "\u{1B}]0;title\u{7}", "\u{9B}31m", "\u{0}", "\r",
    "\u{202E}abc", "\t", "\u{1B}P1$r\u{1B}\\", "word word word word ", "> quote\n", "❤\u{FE0F} ", "한국어 ", "שלום ",
    "نص ", "~~x~~ ",
    "1. one\n2. two\n", "\u{7F}\u{8}", "[link](http://x.org) ",
]

struct Probe {
    private let terminal: Terminal
    private let log: FileHandle
    private var generator: SeededGenerator
    private var state: AppState
    private var frameNumber = 0
    private var seconds = 0.5
    private var isFinished = false

    init(seed: UInt64, log: FileHandle) throws {
        self.log = log
        generator = SeededGenerator(seed: seed)
        terminal = try Terminal(environment: ProcessInfo.processInfo.environment)
        let model = ModelDescription(
            name: "probe", path: "/probe.gguf", architecture: "llama", parameterCount: 1_000_000, weightType: "F32",
            templateName: "chatml", contextLength: 2048, seesImages: false, kernel: "plain", precision: "exact")
        state = AppState(
            setting: AppState.Setting(version: "0", homeFolder: "/home/ada", secondsFromGMT: 0), size: terminal.size,
            now: 1_772_719_320, model: .ready(model))
    }

    mutating func run() {
        terminal.show(view(state))
        while !isFinished {
            var isAsked = false
            for event in terminal.waitForEvents(timeout: nil) {
                switch event {
                case .key(Key(.function(9))): stream()
                case .key(Key(.function(10))): open()
                // An Esc right before it makes it Alt-F12.
                case .key(let key) where key.code == .function(12): isAsked = true
                // The test decides when it ends, and a stopped job would wait for ever.
                case .key(.control("z")), .key(.control("d")), .suspendRequested: break
                case .terminationRequested: isFinished = true
                default: act(.inputArrived(event))
                }
            }
            let frame = view(state)
            terminal.show(frame)
            if isAsked { report(frame) }
        }
        terminal.stop()
    }

    mutating func act(_ action: Action) {
        for effect in reduce(into: &state, action) {
            switch effect {
            case .redraw: terminal.invalidate()
            case .renderPreview(let number, let size, _):
                let block = CellBlock(size: size) { position in
                    Cell(
                        text: ["▀", "▄", "█", "▌"][(position.column + position.row) % 4],
                        style: Style(foreground: .palette(UInt8(position.column % 8)), background: .palette(4)))
                }
                act(.previewRendered(number: number, block))
            default: break
            }
        }
    }

    /// A piece of an answer, after a question where none runs; now and then its end.
    mutating func stream() {
        if state.answer == nil {
            act(.inputArrived(.key(Key(.character("?")))))
            act(.inputArrived(.key(Key(.enter))))
        }
        guard let text = pieces.randomElement(using: &generator) else { return }
        seconds += 0.01
        act(.generationEventArrived(.token(GeneratedToken(id: 1, logProbability: -1, text: text, seconds: seconds))))
        guard UInt8.random(in: 0..<16, using: &generator) == 0 else { return }
        act(
            .generationEventArrived(
                .finished(
                    GenerationSummary(
                        finishReason: .end, remainingText: "", generatedTokens: 9, contextTokens: 99,
                        firstTokenSeconds: 0.1, totalSeconds: seconds))))
    }

    mutating func open() {
        let facts = PictureFacts(name: "a\u{1B}[31mb 犬.png", width: 640, height: 480)
        let items = (1...8).map { id in
            ConversationItem(
                id: id, speaker: id % 2 == 1 ? .user : .assistant,
                parts: id % 4 == 1
                    ? [.text("See "), .picture(1), .text(" now")] : [.text("Message **\(id)** 日本 \u{1B}c")])
        }
        act(
            .conversationOpened(
                OpenedConversation(
                    name: "n\u{1B}[2J", items: items,
                    pictures: [Picture(number: 1, path: "p", content: .ready(facts))])))
    }

    mutating func report(_ frame: Frame) {
        frameNumber += 1
        guard let line = try? JSONEncoder().encode(ShownFrame(frame)) else { return }
        try? log.write(contentsOf: line + Data("\n".utf8))
        try? FileHandle.standardOutput.write(contentsOf: Data("\u{1B}]777;\(frameNumber)\u{7}".utf8))
    }
}

guard CommandLine.arguments.count == 3, let seed = UInt64(CommandLine.arguments[1]),
    let log = FileHandle(forWritingAtPath: CommandLine.arguments[2])
else { exit(2) }
var probe = try Probe(seed: seed, log: log)
probe.run()

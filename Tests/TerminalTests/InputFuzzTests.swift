import ChatUI
import Foundation
import Generation
import Screen
import Terminal
import TestSupport
import Testing

/// Everything that a terminal may send, in any order and cut anywhere, into the decoder and the reducer.
@Suite struct InputFuzzTests {
    /// Bytes: `make check` asks for a million.
    private static let count = ProcessInfo.processInfo.environment["EMUCHAT_FUZZ_BYTES"].flatMap { Int($0) } ?? 20_000

    /// A piece of input, and what a person who sent it has typed.
    private struct Piece {
        var bytes: [UInt8]
        var typed = ""
        /// Whether only silence tells what it was.
        var needsSilence = false
    }

    private static let replies = [
        "\u{1B}[?1;2c", "\u{1B}[>41;354;0c", "\u{1B}[24;80R", "\u{1B}[?2026;2$y", "\u{1B}[I", "\u{1B}[O",
        "\u{1B}]11;rgb:1e1e/1e1e/1e1e\u{1B}\\", "\u{1B}]11;rgb:1e1e/1e1e/1e1e\u{7}", "\u{1B}P>|tmux 3.3a\u{1B}\\",
        "\u{1B}_Gi=31;OK\u{1B}\\", "\u{1B}[M !!", "\u{1B}[<0;10;20M", "\u{1B}[<35;10;20m", "\u{1B}[4;600;800t",
    ]
    private static let keys = [
        "\r", "\u{1B}[A", "\u{1B}OB", "\u{1B}[1;5C", "\u{1B}[5~", "\u{1B}[6~", "\u{1}", "\u{5}", "\u{17}", "\u{B}",
        "\u{19}",
        "\u{1F}", "\u{7F}", "\u{1B}\r", "\u{1B}b", "\u{1B}<", "\u{1B}>", "\u{C}", "\u{1B}[Z", "\t", "\u{F}", "\u{1B}OP",
    ]
    private static let words = ["a", "Z", "9", " ", "é", "日", "👍", "/", "~", "\"", "'", "#", "e\u{301}"]

    private func piece(_ generator: inout SeededGenerator) -> Piece {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...3:
            let text = (0..<Int.random(in: 1...6, using: &generator))
                .compactMap { _ in Self.words.randomElement(using: &generator) }.joined()
            return Piece(bytes: Array(text.utf8), typed: text)
        case 4, 5: return Piece(bytes: Array((Self.keys.randomElement(using: &generator) ?? "").utf8))
        case 6, 7: return Piece(bytes: Array((Self.replies.randomElement(using: &generator) ?? "").utf8))
        case 8:
            let body = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            return Piece(bytes: Array("\u{1B}[200~".utf8) + body + Array("\u{1B}[201~".utf8))
        default: return Piece(bytes: [0x1B], needsSilence: true)
        }
    }

    private func state() -> AppState {
        let model = ModelDescription(
            name: "m", path: "/m", architecture: "llama", parameterCount: 1, weightType: "F32", templateName: "chatml",
            contextLength: 2048, seesImages: false, kernel: "plain", precision: "exact")
        return AppState(
            setting: AppState.Setting(version: "0", homeFolder: "/", secondsFromGMT: 0),
            size: Size(columns: 60, rows: 20), now: 0, model: .ready(model))
    }

    /// Well-formed input: what is typed is exactly what was sent as characters.
    @Test func nothingIsTypedThatWasNoKey() {
        var generator = SeededGenerator(seed: 20)
        var decoder = InputDecoder()
        var state = state()
        var sent = 0
        var pieces = 0
        while sent < Self.count {
            let piece = piece(&generator)
            sent += piece.bytes.count
            pieces += 1
            var events: [InputEvent] = []
            var rest = piece.bytes[...]
            while !rest.isEmpty {
                let part = rest.prefix(Int.random(in: 1...8, using: &generator))
                rest = rest.dropFirst(part.count)
                events += decoder.decode(part)
            }
            if piece.needsSilence { events += decoder.quiet() }
            let typed = events.compactMap { event -> Character? in
                if case .key(let key) = event, case .character(let character) = key.code, key.modifiers.isEmpty {
                    character
                } else {
                    nil
                }
            }
            #expect(String(typed) == piece.typed, "\(piece.bytes)")
            feed(events, to: &state, looks: pieces % 64 == 0)
        }
    }

    /// Any bytes at all: no crash, and no control character anywhere.
    @Test func anyBytesAreTaken() {
        var generator = SeededGenerator(seed: 21)
        var decoder = InputDecoder()
        var state = state()
        var sent = 0
        var pieces = 0
        while sent < Self.count {
            var bytes = piece(&generator).bytes
            for _ in 0..<Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes = Array(bytes.prefix(Int.random(in: 1...80, using: &generator)))
            sent += bytes.count
            pieces += 1
            var events = decoder.decode(bytes)
            if Int.random(in: 0..<4, using: &generator) == 0 { events += decoder.quiet() }
            for case .key(let key) in events {
                guard case .character(let character) = key.code else { continue }
                #expect(character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
            }
            feed(events, to: &state, looks: pieces % 64 == 0)
        }
    }

    private func feed(_ events: [InputEvent], to state: inout AppState, looks: Bool) {
        for event in events { _ = reduce(into: &state, .inputArrived(event)) }
        // A conversation that only grows and a screen that only answers would test less and less.
        if state.answer != nil {
            _ = reduce(into: &state, .generationEventArrived(.failed(.backend("none"))))
        }
        if state.items.count > 200 || state.editor.elements.count > 2000 { state = self.state() }
        guard looks else { return }
        let controls = view(state).cells.first { cell in
            cell.text.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
        }
        #expect(controls == nil)
    }
}

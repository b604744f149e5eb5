import Screen
import Terminal
import Testing

@Suite struct PaletteTests {
    @Test(arguments: [
        (Color.standard, ColorDepth.palette256, -1), (.rgb(255, 0, 0), .none, -1), (.palette(9), .none, -1),
        (.palette(123), .palette256, 123), (.rgb(255, 0, 0), .palette256, 196), (.rgb(0, 0, 0), .palette256, 16),
        (.rgb(255, 255, 255), .palette256, 231), (.rgb(128, 128, 128), .palette256, 244),
        (.rgb(95, 135, 175), .palette256, 67), (.rgb(250, 5, 5), .sixteen, 9), (.palette(196), .sixteen, 9),
        (.palette(9), .eight, 1), (.rgb(0, 250, 0), .eight, 2), (.rgb(1, 2, 3), .direct, 0x010203),
        (.palette(7), .direct, 7), (.palette(196), .direct, 0xFF0000),
    ])
    func number(color: Color, depth: ColorDepth, expected: Int) {
        #expect(Palette.number(color, depth: depth) == expected)
    }

    @Test func everyColorIsWithinItsDepth() {
        for value in stride(from: 0, through: 0xFFFFFF, by: 997) {
            let color = Color.rgb(UInt8(value >> 16), UInt8(value >> 8 & 255), UInt8(value & 255))
            #expect((16..<256).contains(Palette.number(color, depth: .palette256)))
            #expect((0..<16).contains(Palette.number(color, depth: .sixteen)))
            #expect((0..<8).contains(Palette.number(color, depth: .eight)))
        }
    }

    @Test(arguments: [
        ("xterm-256color", "truecolor", "", "vte-direct"), ("xterm", "24bit", "", "vte-direct"),
        ("tmux-256color", "truecolor", "", "tmux-direct"), ("xterm-kitty", "truecolor", "", "kitty-direct"),
        ("alacritty", "truecolor", "", "alacritty-direct"), ("xterm-256color", "truecolor", "1", nil),
        ("xterm-256color", "", "", nil), ("xterm-256color", "yes", "", nil), ("xterm-direct", "truecolor", "", nil),
        ("", "truecolor", "", nil),
    ])
    func directColoursAreUsedWhereTheTerminalSaysSo(term: String, colorTerm: String, noColor: String, entry: String?) {
        let environment = ["TERM": term, "COLORTERM": colorTerm, "NO_COLOR": noColor]
        #expect(ColorDepth.directTerminal(environment: environment) == entry)
    }

    @Test func depthFollowsTheTerminalAndNoColor() {
        #expect(ColorDepth(colors: 256, environment: [:]) == .palette256)
        #expect(ColorDepth(colors: 1 << 24, environment: [:]) == .direct)
        #expect(ColorDepth(colors: 16, environment: [:]) == .sixteen)
        #expect(ColorDepth(colors: 8, environment: [:]) == .eight)
        #expect(ColorDepth(colors: 0, environment: [:]) == .none)
        #expect(ColorDepth(colors: 256, environment: ["NO_COLOR": "1"]) == .none)
        #expect(ColorDepth(colors: 256, environment: ["NO_COLOR": ""]) == .palette256)
    }

    @Test(arguments: TerminalError.allCases)
    func everyErrorIsOneLineWithARemedy(error: TerminalError) {
        let text = error.description
        #expect(!text.contains("\n"))
        #expect(text.contains(":"))
        #expect(text.count > 40)
    }
}

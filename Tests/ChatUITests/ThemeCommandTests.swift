import ChatUI
import Screen
import Testing

@Suite struct ThemeCommandTests {
    @Test func aThemeIsAskedForAndToldOf() {
        var chat = ScriptedChat()
        #expect(chat.type("/theme dark\n") == [.useTheme("dark")])
        chat.act(.themeChanged(name: "dark"))
        #expect(chat.frame.plainText.contains("The theme is dark."))
        #expect(chat.type("/theme 'my own.toml'\n") == [.useTheme("my own.toml")])
        chat.act(.themeFailed("my own.toml, line 3: unknown key `x`"))
        #expect(chat.frame.plainText.contains("⚠ /theme: my own.toml, line 3: unknown key `x`"))
        chat.press(.control("u"))
        #expect(chat.type("/theme\n") == [.listThemes])
        chat.act(.themesListed(["terminal", "dark"], current: "dark"))
        #expect(chat.frame.plainText.contains("terminal, dark (now)"))
    }

    @Test func aThemeWithABackgroundFillsTheScreen() {
        var theme = Theme.standard
        theme.text.background = .palette(16)
        let chat = ScriptedChat()
        let frame = view(chat.state, theme: theme)
        #expect(frame[79, 12].style.background == .palette(16))
        #expect(chat.frame[79, 12].style == .plain)
    }
}

import ChatUI
import Configuration
import Foundation
import Generation
import Screen
import TestSupport
import Testing

@Suite struct ThemeTests {
    private let catalog = ThemeCatalog(folder: "/nonexistent")

    @Test func everyThemeOfTheProgramCanBeRead() throws {
        #expect(catalog.names == ["terminal", "dark", "light", "high-contrast", "monochrome"])
        for name in catalog.names {
            let theme = try catalog.theme(name)
            for depth in [ColorDepth.direct, .palette256, .sixteen, .eight, .none] {
                let shown = theme.theme(for: depth)
                // What has to be noticed differs from plain text, however few colours there are.
                for style in [shown.error, shown.warning, shown.accent, shown.link, shown.selection, shown.code] {
                    #expect(style != shown.text, "\(name) \(depth)")
                }
            }
        }
    }

    @Test(arguments: ["dark", "light", "high-contrast"])
    func theThemesHaveColoursForEveryDepth(name: String) throws {
        let theme = try catalog.theme(name)
        for role in Theme.Role.allCases where role != .text || name == "high-contrast" {
            let style = try #require(theme.roles[role], "\(name) \(role)")
            #expect(style.foreground.trueColor != nil && style.foreground.palette256 != nil)
            #expect(style.foreground.palette16 != nil)
        }
        #expect(theme.theme(for: .none).user.foreground == .standard)
        #expect(theme.theme(for: .sixteen).user.foreground != theme.theme(for: .palette256).user.foreground)
    }

    @Test func monochromeHasNoColourAnywhere() throws {
        let theme = try catalog.theme("monochrome").theme(for: .direct)
        for style in [theme.text, theme.user, theme.error, theme.link, theme.selection, theme.gauge] {
            #expect(style.foreground == .standard && style.background == .standard)
        }
    }

    @Test func aThemeIsReadFromTheUsersFolderAndByPath() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("mine.toml")
        try "user = { color = \"#010203\", color16 = 'bright-red', attributes = [\"bold\", \"italic\"] }\n"
            .write(to: file, atomically: true, encoding: .utf8)
        let catalog = ThemeCatalog(folder: folder.path)
        #expect(catalog.names.last == "mine")
        for name in ["mine", file.path] {
            let theme = try catalog.theme(name)
            #expect(
                theme.theme(for: .direct).user == Style(foreground: .rgb(1, 2, 3), attributes: [.bold, .italic]))
            #expect(theme.theme(for: .sixteen).user.foreground == .palette(9))
        }
        #expect(throws: ConfigurationError.self) { try catalog.theme("") }
        #expect(throws: ConfigurationError.self) { try catalog.theme(folder.path + "/gone.toml") }
        #expect(throws: ConfigurationError.self) { try catalog.theme(folder.path + "/") }
    }

    @Test(arguments: [
        ("[user]\ncolour = 1", 2, "user.colour", "color16"),
        ("\n[user]\n\ncolor = \"red\"", 4, "user.color", "\"red\""),
        ("[user]\ncolor = '#12345g'", 2, "user.color", "#5fafd7"),
        ("user.color256 = 256", 1, "user.color256", "0 to 255"),
        ("# x\nuser = { color16 = 'pink' }", 2, "user.color16", "bright-"),
        ("[error]\nattributes = ['bold', 'loud']", 2, "error.attributes", "loud"),
        ("[error]\nmonochrome = 'bold'", 2, "error.monochrome", "a list of"),
        ("user = 3", 1, "user", "a table"),
        ("[dim]\n[usr]\ncolor = '#000000'", 2, "usr", "assistant"),
    ])
    func aMistakeNamesLineAndKey(text: String, line: Int, key: String, word: String) throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("t.toml").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let error = try #require(throws: ConfigurationError.self) { try ThemeCatalog(folder: "").theme(file) }
        #expect(error.description.contains("t.toml, line \(line): "), "\(error)")
        #expect(error.description.contains("`\(key)`") && error.description.contains(word), "\(error)")
    }
}

@Suite struct ConfigurationTests {
    @Test func everythingIsRead() throws {
        let text = """
            theme = "dark"
            plain = true
            park-on-leaving = true
            [options]
            temperature = 0.7
            top-k = 40
            seed = "random"
            max-tokens = 100
            stop = "END"
            """
        let configuration = try Configuration(text: text, path: "c")
        #expect(configuration.theme == "dark" && configuration.isPlain == true && configuration.parksOnLeaving)
        #expect(
            configuration.options
                == GenerationOptions(maximumTokens: 100, temperature: 0.7, topK: 40, stopStrings: ["END"]))
        #expect(try Configuration(text: "", path: "c") == Configuration())
    }

    @Test(arguments: [
        ("them = 'dark'", "c, line 1: unknown key `them`: use one of theme, plain, park-on-leaving, options"),
        ("park-on-leaving = 1", "c, line 1: `park-on-leaving` is 1: write true or false"),
        ("\ntheme = 3", "c, line 2: `theme` is 3: write a name"),
        ("theme = ''", "c, line 1: `theme`"),
        ("plain = 'yes'", "c, line 1: `plain` is \"yes\": write true or false"),
        ("[options]\ntemperature = -1", "c, line 2: `options.temperature` is -1"),
        ("[options]\ntop-p = []", "c, line 2: `options.top-p` is a list: write above 0"),
        ("options = 1", "c, line 1: `options` is 1"),
        ("a = 1\na = 2", "c, line 2, column"),
        ("theme = \"dark", "c, line 1, column"),
        ("x = " + String(repeating: "[", count: 100_000), "c, line 1, column"),
        ("theme = 'a\u{0}b'", "c: byte 11 is no UTF-8 text"),
    ])
    func aMistakeNamesLineAndKey(text: String, expected: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try Configuration(text: text, path: "c") }
        #expect(error.description.hasPrefix(expected), "\(error)")
        #expect(!error.description.contains("\n"), "\(error)")
    }

    @Test func whatIsNoFileIsTold() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let pipe = folder.appendingPathComponent("pipe").path
        #expect(mkfifo(pipe, 0o600) == 0)
        let bytes = folder.appendingPathComponent("bytes").path
        try Data([0x61, 0x3D, 0xFF]).write(to: URL(fileURLWithPath: bytes))
        let large = folder.appendingPathComponent("large").path
        try Data(count: 300_000).write(to: URL(fileURLWithPath: large))
        for (path, word) in [
            (folder.path, "no file"), (pipe, "no file"), (folder.path + "/gone", "No such file"), (bytes, "byte 3"),
            (large, "larger than 256 KB"),
        ] {
            let error = try #require(throws: ConfigurationError.self) { try Configuration(path: path) }
            #expect(error.description.contains(word) && error.description.hasPrefix(path), "\(error)")
        }
    }

    @Test func everyMessageHasARemedy() {
        let errors: [ConfigurationError] = [
            .cannotEdit(path: "c", key: "options"),
            .unreadable(path: "p", reason: "r"), .tooLarge(path: "p", limit: 1024), .notText(path: "p", byte: 1),
            .syntax(path: "p", line: 1, column: 2, problem: "x"),
            .unknownKey(path: "p", line: 1, key: "k", known: ["a"]),
            .wrongValue(path: "p", line: 1, key: "k", found: "1", expected: "2"),
            .unknownTheme(name: "n", known: ["a"], folder: "f"),
        ]
        for error in errors {
            #expect(error.description.contains(#/: (make|name|save|correct|use|write) /#), "\(error)")
            #expect(!error.description.contains("\n"))
        }
    }
}

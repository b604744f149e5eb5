import ArgumentParser
import ChatUI
import Configuration
import Foundation

/// Options that choose the configuration and what the screen looks like.
struct AppearanceArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Colours: a theme's name, or the path of its file.", valueName: "theme"))
    var theme: String?

    @Option(
        help: ArgumentHelp(
            "The configuration instead of ${XDG_CONFIG_HOME:-~/.config}/emuchat/config.toml.", valueName: "file"))
    var config: String?

    /// The file that was named, or the user's own.
    var configurationPath: String {
        config.map { ($0 as NSString).expandingTildeInPath }
            ?? Folders.configuration.appendingPathComponent("config.toml").path
    }

    /// What stands in the file that was named, which must be there, or in the user's own, which need not.
    func configuration() throws(CommandError) -> Configuration {
        let path = configurationPath
        if config == nil, !FileManager.default.fileExists(atPath: path) { return Configuration() }
        do throws(ConfigurationError) { return try Configuration(path: path) } catch {
            throw .failed(error.description)
        }
    }

    /// The theme that was named here or in the configuration.
    func appearance(_ configuration: Configuration) throws(CommandError) -> Appearance {
        let themes = ThemeCatalog(folder: Folders.configuration.appendingPathComponent("themes").path)
        let name = theme ?? configuration.theme ?? ThemeCatalog.standardName
        do throws(ConfigurationError) {
            return Appearance(themes: themes, themeName: name, theme: try themes.theme(name))
        } catch {
            throw .failed(error.description)
        }
    }
}

/// What the screen looks like, and can look like.
struct Appearance {
    let themes: ThemeCatalog
    let themeName: String
    let theme: ThemeDefinition
}

import Screen

/// The screen's styles by role, not by place, as one terminal shows them.
package struct Theme: Hashable, Sendable {
    /// What a style is for. The raw values are the names in theme files.
    package enum Role: String, CaseIterable, Sendable {
        case text, dim, user, assistant, system, accent, warning, error, code, link, selection, gauge
    }

    package var text: Style
    /// Figures, captions, hints: what is read second.
    package var dim: Style
    package var user: Style
    package var assistant: Style
    package var system: Style
    package var accent: Style
    package var warning: Style
    package var error: Style
    package var code: Style
    package var link: Style
    package var selection: Style
    package var gauge: Style

    /// Whether anything has a colour; nothing has on a terminal without colours, or where none are wanted.
    var usesColors: Bool {
        [user, assistant, system, accent, warning, error].contains { $0.foreground != .standard }
    }

    /// The theme of nobody's choice, on a terminal with colours.
    package static let standard = ThemeDefinition.terminal.theme(for: .palette256)
}

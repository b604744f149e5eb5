import Screen

/// The screen's styles by role, not by place.
package struct Theme: Hashable, Sendable {
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

    /// Takes its colours from the terminal's own palette, so that it fits dark and light ones.
    package static let standard = Theme(
        text: .plain,
        dim: Style(attributes: .dim),
        user: Style(foreground: .palette(6)),
        assistant: Style(foreground: .palette(5)),
        system: Style(foreground: .palette(4)),
        accent: Style(foreground: .palette(6), attributes: .bold),
        warning: Style(foreground: .palette(3)),
        error: Style(foreground: .palette(1), attributes: .bold),
        code: Style(foreground: .palette(2)),
        link: Style(foreground: .palette(6), attributes: .underline),
        selection: Style(attributes: .reverse),
        gauge: Style(foreground: .palette(6)))
}

import Screen

/// A theme for all terminals: each role with the colours for more and for fewer of them, and attributes for none.
package struct ThemeDefinition: Hashable, Sendable {
    /// A colour in up to three versions; a terminal gets the best of those that it can show.
    package struct ColorChoice: Hashable, Sendable {
        /// `.rgb`; nil takes the colour of 256.
        package var trueColor: Color?
        /// An entry of the 256-colour palette; nil takes the nearest to the true colour.
        package var palette256: UInt8?
        /// 0 to 15, the terminal's own colours; nil takes the nearest.
        package var palette16: UInt8?

        package init(trueColor: Color? = nil, palette256: UInt8? = nil, palette16: UInt8? = nil) {
            self.trueColor = trueColor
            self.palette256 = palette256
            self.palette16 = palette16
        }

        fileprivate func color(for depth: ColorDepth) -> Color {
            let large = palette256.map(Color.palette)
            let small = palette16.map(Color.palette)
            switch depth {
            case .direct: return trueColor ?? large ?? small ?? .standard
            case .palette256: return large ?? trueColor ?? small ?? .standard
            case .sixteen, .eight: return small ?? large ?? trueColor ?? .standard
            case .none: return .standard
            }
        }
    }

    package struct RoleStyle: Hashable, Sendable {
        package var foreground = ColorChoice()
        package var background = ColorChoice()
        /// Beside the colours.
        package var attributes: Style.Attributes = []
        /// In place of the colours, where there are none.
        package var monochrome: Style.Attributes = []

        package init(
            foreground: ColorChoice = ColorChoice(), background: ColorChoice = ColorChoice(),
            attributes: Style.Attributes = [], monochrome: Style.Attributes = []
        ) {
            self.foreground = foreground
            self.background = background
            self.attributes = attributes
            self.monochrome = monochrome
        }

        fileprivate func style(for depth: ColorDepth) -> Style {
            Style(
                foreground: foreground.color(for: depth), background: background.color(for: depth),
                attributes: depth == .none ? monochrome : attributes)
        }
    }

    /// Roles that are missing are plain text.
    package var roles: [Theme.Role: RoleStyle]

    package init(roles: [Theme.Role: RoleStyle]) {
        self.roles = roles
    }

    /// The theme as a terminal with so many colours shows it.
    package func theme(for depth: ColorDepth) -> Theme {
        func style(_ role: Theme.Role) -> Style { roles[role]?.style(for: depth) ?? .plain }
        return Theme(
            text: style(.text), dim: style(.dim), user: style(.user), assistant: style(.assistant),
            system: style(.system), accent: style(.accent), warning: style(.warning), error: style(.error),
            code: style(.code), link: style(.link), selection: style(.selection), gauge: style(.gauge))
    }

    /// Takes its colours from the terminal's own palette, so that it fits dark and light ones.
    package static let terminal = ThemeDefinition(roles: [
        .dim: RoleStyle(attributes: .dim, monochrome: .dim),
        .user: own(6), .assistant: own(5), .system: own(4),
        .accent: own(6, attributes: .bold, monochrome: .bold),
        .warning: own(3, monochrome: .bold),
        .error: own(1, attributes: .bold, monochrome: [.bold, .reverse]),
        .code: own(2, monochrome: .bold),
        .link: own(6, attributes: .underline, monochrome: .underline),
        .selection: RoleStyle(attributes: .reverse, monochrome: .reverse),
        .gauge: own(6),
    ])

    private static func own(
        _ color: UInt8, attributes: Style.Attributes = [], monochrome: Style.Attributes = []
    ) -> RoleStyle {
        RoleStyle(foreground: ColorChoice(palette16: color), attributes: attributes, monochrome: monochrome)
    }
}

import Screen

/// Mapping colours to what the terminal has.
package enum Palette {
    /// The terminal's number for a colour; -1 is its own.
    package static func number(_ color: Color, depth: ColorDepth) -> Int {
        switch (color, depth) {
        case (.standard, _), (_, .none):
            return -1
        case (.palette(let index), .palette256):
            return Int(index)
        case (.palette(let index), .direct):
            // The first eight numbers of a direct-colour terminal are the ANSI colours.
            return index < 8 ? Int(index) : packed(components(index))
        case (.palette(let index), .sixteen):
            return index < 16 ? Int(index) : nearest(components(index), among: 0..<16)
        case (.palette(let index), .eight):
            return index < 16 ? Int(index % 8) : nearest(components(index), among: 0..<16) % 8
        case (.rgb(let red, let green, let blue), .direct):
            return packed((Int(red), Int(green), Int(blue)))
        case (.rgb(let red, let green, let blue), .palette256):
            // The first 16 are the user's own and may look like anything.
            return nearestOfCube((Int(red), Int(green), Int(blue)))
        case (.rgb(let red, let green, let blue), .sixteen):
            return nearest((Int(red), Int(green), Int(blue)), among: 0..<16)
        case (.rgb(let red, let green, let blue), .eight):
            return nearest((Int(red), Int(green), Int(blue)), among: 0..<16) % 8
        }
    }

    private typealias Components = (red: Int, green: Int, blue: Int)

    private static let levels = [0, 95, 135, 175, 215, 255]
    /// xterm's defaults for the ANSI colours.
    private static let ansi: [Components] = [
        (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
        (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
        (255, 255, 255),
    ]

    private static func components(_ index: UInt8) -> Components {
        let index = Int(index)
        if index < 16 { return ansi[index] }
        if index >= 232 {
            let grey = 8 + (index - 232) * 10
            return (grey, grey, grey)
        }
        let cube = index - 16
        return (levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6])
    }

    private static func packed(_ color: Components) -> Int {
        let value = color.red << 16 | color.green << 8 | color.blue
        // Below 8 the terminal would take its ANSI colours.
        return value < 8 ? 0 : value
    }

    private static func distance(_ left: Components, _ right: Components) -> Int {
        let red = left.red - right.red
        let green = left.green - right.green
        let blue = left.blue - right.blue
        return 2 * red * red + 4 * green * green + 3 * blue * blue
    }

    private static func nearest(_ color: Components, among range: Range<UInt8>) -> Int {
        Int(range.min { distance(components($0), color) < distance(components($1), color) } ?? range.lowerBound)
    }

    private static func nearestOfCube(_ color: Components) -> Int {
        func level(_ value: Int) -> Int { value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40 }
        let cube = 16 + 36 * level(color.red) + 6 * level(color.green) + level(color.blue)
        let average = (color.red + color.green + color.blue) / 3
        let grey = 232 + min(23, max(0, (average - 3) / 10))
        let isGreyNearer =
            distance(components(UInt8(grey)), color) < distance(components(UInt8(cube)), color)
        return isGreyNearer ? grey : cube
    }
}

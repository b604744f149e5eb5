import Screen

/// What terminals send for keys.
enum KeyCodes {
    /// A single byte below 0x80.
    static func ascii(_ byte: UInt8) -> Key? {
        switch byte {
        case 0x0D: Key(.enter)
        case 0x09: Key(.tab)
        case 0x7F: Key(.backspace)
        case 0x00: Key(.character(" "), .control)
        case 0x01...0x1A: .control(Character(Unicode.Scalar(byte + 0x60)))
        case 0x1C...0x1F: .control(Character(Unicode.Scalar(byte + 0x40)))
        case 0x20..<0x7F: Key(.character(Character(Unicode.Scalar(byte))))
        default: nil
        }
    }

    /// Whether a character may be typed: a control character of the upper half may not.
    static func isTypeable(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { $0.value >= 0xA0 }
    }

    /// What follows ESC [, final byte included.
    static func controlSequence(_ body: [UInt8]) -> Key? {
        guard let final = body.last else { return nil }
        if body.count == 2 && body[0] == 0x5B {
            return final >= 0x41 && final <= 0x45 ? Key(.function(Int(final) - 0x40)) : nil
        }
        guard let parameters = parameters(body.dropLast()) else { return nil }
        let first = parameters.first ?? 1
        let modifiers = parameters.count > 1 ? modifiers(parameters[1]) : []
        switch final {
        case 0x7E: return tilde(first, parameters, modifiers)
        case 0x75: return unicode(first, modifiers)
        case 0x5A: return Key(.backTab)
        case 0x61...0x64: return arrow(final - 0x20).map { Key($0, .shift) }
        // With parameters this is the cursor's position report.
        case 0x52 where !parameters.isEmpty: return nil
        default: return arrow(final).map { Key($0, modifiers) } ?? functionOfFour(final).map { Key($0, modifiers) }
        }
    }

    /// What follows ESC O.
    static func singleShift(_ byte: UInt8) -> Key? {
        if byte == 0x4D { return Key(.enter) }
        // rxvt's Ctrl arrows.
        if byte >= 0x61 && byte <= 0x64 { return arrow(byte - 0x20).map { Key($0, .control) } }
        return (arrow(byte) ?? functionOfFour(byte)).map { Key($0) }
    }

    /// xterm's modifier parameter: one more than a set of bits.
    static func modifiers(_ parameter: Int) -> Key.Modifiers {
        let bits = max(0, parameter - 1)
        var modifiers: Key.Modifiers = []
        if bits & 1 != 0 { modifiers.insert(.shift) }
        if bits & 2 != 0 { modifiers.insert(.alt) }
        if bits & 4 != 0 { modifiers.insert(.control) }
        return modifiers
    }

    /// Decimal parameters; nil when there is a private prefix or an intermediate byte.
    private static func parameters(_ bytes: ArraySlice<UInt8>) -> [Int]? {
        if bytes.isEmpty { return [] }
        var values = [0]
        var isSubparameter = false
        for byte in bytes {
            switch byte {
            case 0x30...0x39:
                if !isSubparameter {
                    values[values.count - 1] = min(values[values.count - 1] * 10 + Int(byte) - 0x30, 1 << 24)
                }
            case 0x3B:
                values.append(0)
                isSubparameter = false
            case 0x3A:
                isSubparameter = true
            default:
                return nil
            }
        }
        return values
    }

    private static func arrow(_ final: UInt8) -> Key.Code? {
        switch final {
        case 0x41: .up
        case 0x42: .down
        case 0x43: .right
        case 0x44: .left
        case 0x46: .end
        case 0x48: .home
        default: nil
        }
    }

    private static func functionOfFour(_ final: UInt8) -> Key.Code? {
        final >= 0x50 && final <= 0x53 ? .function(Int(final) - 0x4F) : nil
    }

    private static func tilde(_ number: Int, _ parameters: [Int], _ modifiers: Key.Modifiers) -> Key? {
        let code: Key.Code
        switch number {
        case 1, 7: code = .home
        case 2: code = .insert
        case 3: code = .delete
        case 4, 8: code = .end
        case 5: code = .pageUp
        case 6: code = .pageDown
        case 11...15: code = .function(number - 10)
        case 17...21: code = .function(number - 11)
        case 23...26: code = .function(number - 12)
        case 28, 29: code = .function(number - 13)
        case 31...34: code = .function(number - 14)
        // xterm's modifyOtherKeys: 27 ; modifiers ; code.
        case 27: return parameters.count > 2 ? unicode(parameters[2], modifiers) : nil
        default: return nil
        }
        return Key(code, modifiers)
    }

    /// A key by its code point, as kitty's protocol has it.
    private static func unicode(_ value: Int, _ modifiers: Key.Modifiers) -> Key? {
        switch value {
        case 9: return modifiers.contains(.shift) ? Key(.backTab) : Key(.tab, modifiers)
        case 13: return Key(.enter, modifiers)
        case 27: return Key(.escape, modifiers)
        case 127: return Key(.backspace, modifiers)
        default:
            guard let value = UInt32(exactly: value), value >= 0x20, !(0x7F..<0xA0).contains(value),
                !(0xE000..<0xF900).contains(value), let scalar = Unicode.Scalar(value)
            else { return nil }
            return Key(.character(Character(scalar)), modifiers)
        }
    }
}

import Screen

/// Turns the bytes of a terminal into keys and pastes.
///
/// A value without I/O: bytes go in by `decode`, and when the line has been quiet for `quietInterval`, `quiet()` decides
/// what an unfinished beginning was. Replies of the terminal (CSI, DCS, OSC, …) are swallowed however late they come;
/// bytes that are no UTF-8 are dropped. Follows xterm's "Control Sequences", with rxvt's, the Linux console's and
/// kitty's keys.
package struct InputDecoder: Sendable {
    private enum State {
        case ground
        /// Inside DCS, OSC, APC, PM or SOS, up to BEL or ESC \.
        case string
        /// Inside a control sequence that is too long to be a key, up to its final byte.
        case longSequence
        /// Coordinates that follow an old mouse report.
        case mouse(remaining: Int)
        case paste
    }

    /// Control sequences longer than this are no keys.
    private static let maximumSequence = 64
    /// Bytes kept of one paste; what exceeds them is dropped.
    package static let maximumPaste = 8 << 20
    private static let pasteEnd: [UInt8] = [0x1B, 0x5B, 0x32, 0x30, 0x31, 0x7E]

    private var state = State.ground
    private var pending: [UInt8] = []
    private var pasted: [UInt8] = []
    private var pasteEndMatched = 0

    package init() {}

    /// Seconds of silence after which `quiet()` is due; nil when nothing is unfinished.
    package var quietInterval: Double? {
        switch state {
        case .ground: pending.isEmpty ? nil : 0.025
        case .paste: 2
        case .string, .longSequence, .mouse: nil
        }
    }

    /// Takes bytes as they were read.
    package mutating func decode(_ bytes: some Sequence<UInt8>) -> [InputEvent] {
        var events: [InputEvent] = []
        for byte in bytes { take(byte, &events) }
        return events
    }

    /// Settles what is unfinished: a lone ESC was the key, the beginning of a sequence was Alt with a character.
    package mutating func quiet() -> [InputEvent] {
        if case .paste = state { return [finishPaste()] }
        guard case .ground = state, let first = pending.first else { return [] }
        defer { pending.removeAll() }
        guard first == 0x1B else { return [] }
        switch pending.count {
        case 1: return [.key(Key(.escape))]
        case 2 where pending[1] == 0x1B: return [.key(Key(.escape)), .key(Key(.escape))]
        case 2: return [.key(Key(.character(Character(Unicode.Scalar(pending[1]))), .alt))]
        default: return []
        }
    }

    private mutating func take(_ byte: UInt8, _ events: inout [InputEvent]) {
        switch state {
        case .ground:
            pending.append(byte)
            while !pending.isEmpty, let used = step(&events) { pending.removeFirst(used) }
        case .string:
            takeString(byte, &events)
        case .longSequence:
            if byte >= 0x40 && byte <= 0x7E {
                state = .ground
            } else if byte < 0x20 {
                state = .ground
                take(byte, &events)
            }
        case .mouse(let remaining):
            state = remaining > 1 ? .mouse(remaining: remaining - 1) : .ground
        case .paste:
            if let event = takePaste(byte) { events.append(event) }
        }
    }

    /// Decodes the beginning of `pending`; the number of bytes used, nil when more are needed.
    private mutating func step(_ events: inout [InputEvent]) -> Int? {
        switch pending[0] {
        case 0x1B: return escape(at: 0, modifiers: [], &events)
        case let byte: return plain(byte, at: 0, modifiers: [], &events)
        }
    }

    private mutating func escape(at start: Int, modifiers: Key.Modifiers, _ events: inout [InputEvent]) -> Int? {
        guard pending.count > start + 1 else { return nil }
        switch pending[start + 1] {
        case 0x5B: return controlSequence(at: start, modifiers: modifiers, &events)
        case 0x4F: return singleShift(at: start, modifiers: modifiers, &events)
        case 0x50, 0x58, 0x5D, 0x5E, 0x5F:
            // Alt with P, X, ], ^ or _ is known by the silence after it.
            guard pending.count > start + 2 else { return nil }
            let first = pending[start + 2]
            pending.removeAll()
            state = .string
            takeString(first, &events)
            return 0
        case 0x5C:
            // The end of a reply whose beginning is long gone.
            return start + 2
        case 0x1B where start == 0:
            guard pending.count > 2 else { return nil }
            if pending[2] == 0x5B || pending[2] == 0x4F { return escape(at: 1, modifiers: .alt, &events) }
            events.append(.key(Key(.escape)))
            return 1
        case let byte:
            return plain(byte, at: start + 1, modifiers: .alt, &events)
        }
    }

    private func plain(_ byte: UInt8, at index: Int, modifiers: Key.Modifiers, _ events: inout [InputEvent]) -> Int? {
        if byte < 0x80 {
            if var key = KeyCodes.ascii(byte) {
                key.modifiers.formUnion(modifiers)
                events.append(.key(key))
            }
            return index + 1
        }
        let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
        guard byte >= 0xC2 && byte <= 0xF4 else { return index + 1 }
        let available = pending[index...].prefix(length)
        if let wrong = available.dropFirst().firstIndex(where: { $0 & 0xC0 != 0x80 }) { return wrong }
        guard available.count == length else { return nil }
        if let character = String(validating: available, as: UTF8.self)?.first, KeyCodes.isTypeable(character) {
            events.append(.key(Key(.character(character), modifiers)))
        }
        return index + length
    }

    private mutating func controlSequence(
        at start: Int, modifiers: Key.Modifiers, _ events: inout [InputEvent]
    ) -> Int? {
        var index = start + 2
        // The Linux console's F1 to F5 are ESC [ [ A to E.
        if index < pending.count && pending[index] == 0x5B { index += 1 }
        while index < pending.count {
            let byte = pending[index]
            if byte < 0x20 || byte > 0x7E { return byte < 0x20 ? index : index + 1 }
            if byte >= 0x40 {
                finishSequence(Array(pending[(start + 2)...index]), modifiers, &events)
                return index + 1
            }
            index += 1
        }
        guard pending.count - start > Self.maximumSequence else { return nil }
        state = .longSequence
        return pending.count
    }

    private mutating func finishSequence(
        _ body: [UInt8], _ modifiers: Key.Modifiers, _ events: inout [InputEvent]
    ) {
        switch body {
        case [0x32, 0x30, 0x30, 0x7E]:
            state = .paste
        case [0x4D]:
            state = .mouse(remaining: 3)
        default:
            if var key = KeyCodes.controlSequence(body) {
                key.modifiers.formUnion(modifiers)
                events.append(.key(key))
            }
        }
    }

    private func singleShift(at start: Int, modifiers: Key.Modifiers, _ events: inout [InputEvent]) -> Int? {
        var index = start + 2
        // Old xterms put the modifier between: ESC O 5 A.
        var digit: Int?
        if index < pending.count, pending[index] >= 0x31, pending[index] <= 0x39 {
            digit = Int(pending[index]) - 0x30
            index += 1
        }
        guard index < pending.count else { return nil }
        if pending[index] < 0x20 { return index }
        if var key = KeyCodes.singleShift(pending[index]) {
            key.modifiers.formUnion(modifiers)
            if let digit { key.modifiers.formUnion(KeyCodes.modifiers(digit)) }
            events.append(.key(key))
        }
        return index + 1
    }

    private mutating func takeString(_ byte: UInt8, _ events: inout [InputEvent]) {
        switch byte {
        case 0x07:
            state = .ground
        case 0x1B:
            // ESC \ ends the string, and is swallowed as a sequence of its own; anything else begins anew.
            state = .ground
            take(byte, &events)
        case 0x03, 0x0D, 0x18, 0x1A:
            // A person at a terminal that never ended its reply.
            state = .ground
            take(byte, &events)
        default:
            break
        }
    }

    private mutating func takePaste(_ byte: UInt8) -> InputEvent? {
        if pasted.count < Self.maximumPaste + Self.pasteEnd.count { pasted.append(byte) }
        if byte == Self.pasteEnd[pasteEndMatched] {
            pasteEndMatched += 1
        } else {
            pasteEndMatched = byte == Self.pasteEnd[0] ? 1 : 0
        }
        guard pasteEndMatched == Self.pasteEnd.count else { return nil }
        if pasted.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) {
            pasted.removeLast(Self.pasteEnd.count)
        }
        return finishPaste()
    }

    private mutating func finishPaste() -> InputEvent {
        defer {
            pasted = []
            pasteEndMatched = 0
            state = .ground
        }
        return .paste(String(decoding: pasted.prefix(Self.maximumPaste), as: UTF8.self))
    }
}

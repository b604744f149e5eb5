/// Why a terminal cannot be used.
package enum TerminalError: Error, Hashable, Sendable, CaseIterable {
    case inputIsNoTerminal
    case outputIsNoTerminal
    case unknownTerminal
    case incapableTerminal
    case notUTF8
    case noSignalPipe
}

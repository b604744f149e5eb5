/// Why a model cannot be written; the wording is in `ConversionError+Description.swift`.
package enum ConversionError: Error, Sendable, Equatable {
    /// The system refused a call; `reason` is its word.
    case cannotWrite(path: String, reason: String)
    case isFolder(path: String)
    /// `needed` bytes are still to be written, `available` are free.
    case notEnoughRoom(path: String, needed: Int, available: Int)
    /// The disk filled up in the middle; `written` bytes are kept.
    case diskFull(path: String, written: Int, size: Int)
    /// Another process is writing the same file.
    case inUse(path: String)
    /// A weight is no finite number, or larger than the type holds.
    case notStorable(path: String, tensor: String, row: Int, type: String)
    case unknownShape(name: String, known: [String])
    /// A tensor too large to be counted.
    case tooLarge(path: String)
    /// Stopped by the user; `written` bytes are kept.
    case cancelled(path: String, written: Int, size: Int)
}

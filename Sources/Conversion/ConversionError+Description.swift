import ModelFiles

extension ConversionError: CustomStringConvertible {
    /// One line for people: the file, what was expected, what was found, and the remedy.
    package var description: String {
        switch self {
        case .cannotWrite(let path, let reason):
            "\(shown(path)): cannot be written: \(shown(reason)). Check the path and its permissions, or choose another with -o."
        case .isFolder(let path):
            "\(shown(path)): is a folder; the name of a file was expected. Choose another with -o."
        case .notEnoughRoom(let path, let needed, let available):
            "\(shown(path)): needs \(ByteCount.text(needed)), \(ByteCount.text(available)) are free on this disk. "
                + "Free some, choose another disk with -o, or a smaller --type."
        case .diskFull(let path, let written, let size):
            "\(shown(path)): the disk is full after \(ByteCount.text(written)) of \(ByteCount.text(size)). "
                + "Free some room and run the same command again: it goes on where it stopped."
        case .inUse(let path):
            "\(shown(path)): is being written by another process. Wait for it, or choose another name with -o."
        case .notStorable(let path, let tensor, let row, let type):
            "\(shown(path)): the tensor \(shown(tensor)), row \(row): a weight is not a number or too large for \(type). "
                + "The checkpoint is damaged, or needs another --type: try f32."
        case .unknownShape(let name, let known):
            "No shape is called \(shown(name)). Choose one of \(known.joined(separator: ", "))."
        case .tooLarge(let path):
            "\(shown(path)): would be larger than a file can be. Choose fewer layers."
        case .cancelled(let path, let written, let size):
            "\(shown(path)): stopped after \(ByteCount.text(written)) of \(ByteCount.text(size)). "
                + "Run the same command again: it goes on where it stopped."
        }
    }
}

/// Sizes of files for people.
package enum ByteCount {
    /// Such as `512 bytes`, `1.5 MiB` or `21.0 GiB`.
    package static func text(_ bytes: Int) -> String {
        guard bytes >= 1024 else { return "\(bytes) bytes" }
        var (value, unit) = (Double(bytes) / 1024, "KiB")
        for larger in ["MiB", "GiB", "TiB"] where value >= 1024 {
            (value, unit) = (value / 1024, larger)
        }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}

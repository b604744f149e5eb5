/// Taking paths apart as text.
///
/// Foundation's `NSString.deletingLastPathComponent` traps on a relative path of one character (Swift 6.3 on Linux), and
/// `URL` makes relative paths absolute; paths come from what users type.
package enum PathName {
    /// The folder that a path's last part lies in: empty for a relative path of one part, `/` for what lies in the root.
    package static func folder(of path: String) -> String {
        var text = path.utf8[...]
        while text.count > 1, text.last == slash { text.removeLast() }
        guard let last = text.lastIndex(of: slash) else { return "" }
        text = text[..<last]
        while text.last == slash { text.removeLast() }
        return text.isEmpty ? "/" : String(decoding: text, as: UTF8.self)
    }

    private static let slash = UInt8(ascii: "/")
}

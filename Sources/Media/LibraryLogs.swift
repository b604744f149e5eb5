import CLibAV
import CVips
import Synchronization

/// Where the messages of GLib, libvips and FFmpeg go: never to the terminal, only to whoever asked for them.
package enum LibraryLogs {
    private static let receiver = Mutex<(@Sendable (String) -> Void)?>(nil)

    /// Sends the libraries' messages, one line each and free of control characters, to a closure; nil drops them.
    ///
    /// The closure is called on whichever thread the library works on.
    package static func forward(to closure: (@Sendable (String) -> Void)?) {
        receiver.withLock { $0 = closure }
    }

    /// Takes the libraries' default handlers, which print to standard error, out of use. Called before any other use.
    static func silence() { _ = installed }

    private static let installed: Void = {
        g_log_set_default_handler(
            { domain, level, message, _ in
                guard isWorthTelling(level) else { return }
                deliver(domain.map { String(cString: $0) } ?? "GLib", message.map { String(cString: $0) } ?? "")
            }, nil)
        // Structured messages take another path.
        g_log_set_writer_func(
            { level, fields, count, _ in
                guard isWorthTelling(level), let fields else { return G_LOG_WRITER_HANDLED }
                for field in UnsafeBufferPointer(start: fields, count: Int(count)) {
                    guard let key = field.key, String(cString: key) == "MESSAGE", let value = field.value else {
                        continue
                    }
                    let text = value.assumingMemoryBound(to: CChar.self)
                    if field.length < 0 {
                        deliver("GLib", String(cString: text))
                    } else {
                        let bytes = UnsafeRawBufferPointer(start: value, count: Int(field.length))
                        deliver("GLib", String(decoding: bytes, as: UTF8.self))
                    }
                }
                return G_LOG_WRITER_HANDLED
            }, nil, nil)
        av_log_set_level(AV_LOG_WARNING)
        av_log_set_callback { context, level, format, arguments in
            guard level <= AV_LOG_WARNING, let format, let arguments else { return }
            var line = [CChar](repeating: 0, count: 1024)
            var prefix: Int32 = 1
            av_log_format_line(context, level, format, arguments, &line, Int32(line.count), &prefix)
            let end = line.firstIndex(of: 0) ?? line.count
            deliver("FFmpeg", String(decoding: line[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }()

    /// What a library is doing is told by GLib's two least levels, and nobody wants to know.
    private static func isWorthTelling(_ level: GLogLevelFlags) -> Bool {
        level.rawValue & (G_LOG_LEVEL_INFO.rawValue | G_LOG_LEVEL_DEBUG.rawValue) == 0
    }

    private static func deliver(_ library: String, _ message: String) {
        guard let closure = receiver.withLock({ $0 }) else { return }
        var text = message[...]
        while text.last?.isNewline == true { text = text.dropLast() }
        closure(PrintableText.clean("\(library): \(text)"))
    }
}

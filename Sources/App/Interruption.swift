import Dispatch
import Foundation

/// Turns Ctrl-C into a call instead of the end of the process, while it lives.
final class Interruption {
    private let source: any DispatchSourceSignal

    /// `handler` runs on a queue of its own at the first interrupt; a second one ends the process at once.
    init(handler: @escaping @Sendable () -> Void) {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            handler()
            signal(SIGINT, SIG_DFL)
        }
        source.resume()
        self.source = source
    }

    func end() {
        source.cancel()
        signal(SIGINT, SIG_DFL)
    }
}

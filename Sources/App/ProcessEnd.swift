import Foundation
import Terminal

/// How the process ends.
enum ProcessEnd {
    /// Ends at once: what is buffered is written, the terminal restored, and no library is taken down.
    ///
    /// `exit` runs the libraries' own clean-up below the threads that still load a model or read a picture. OpenSSL
    /// frees its locks there, and one run in fifty that left early ended with a segmentation fault.
    static func leave(_ status: Int32) -> Never {
        Terminal.restore()
        fflush(nil)
        _exit(status)
    }
}

/// Why an entry of a cache on disk was not written.
package enum CacheStoreError: Error, Sendable, Equatable {
    case tooLarge(bytes: Int, capacity: Int)
    case notWritten(path: String, reason: String)
}

extension CacheStoreError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .tooLarge(let bytes, let capacity):
            "\(bytes) bytes are more than the \(capacity) that the cache on disk may take."
        case .notWritten(let path, let reason):
            "\(path): \(reason). Make room there, or set XDG_CACHE_HOME to a folder of yours."
        }
    }
}

import CLibCrypto

/// A SHA-256 digest: the name under which pictures, models and caches are known.
///
/// Source: FIPS 180-4, computed by OpenSSL's libcrypto.
package struct SHA256Digest: Hashable, Sendable {
    /// The 32 bytes of the digest.
    package let bytes: [UInt8]

    /// Hashes one buffer.
    package init(of buffer: UnsafeRawBufferPointer) {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        var empty: UInt8 = 0
        // libcrypto wants a valid address even for nothing.
        if let base = buffer.baseAddress {
            _ = SHA256(base.assumingMemoryBound(to: UInt8.self), buffer.count, &digest)
        } else {
            _ = SHA256(&empty, 0, &digest)
        }
        bytes = digest
    }

    /// Hashes contiguous bytes.
    package init(of bytes: some ContiguousBytesSource) {
        self = bytes.withUnsafeBytes { SHA256Digest(of: $0) }
    }

    /// The digest as 64 lower-case hexadecimal digits.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text = [UInt8]()
        text.reserveCapacity(64)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Bytes that lie in one piece, so that they can be hashed without a copy.
package protocol ContiguousBytesSource {
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}

extension Array: ContiguousBytesSource where Element == UInt8 {}

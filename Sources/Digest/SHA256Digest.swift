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

    /// Hashes a large buffer piece by piece; `finished` is told each piece that was read and is not needed any more.
    package init(
        of buffer: UnsafeRawBufferPointer, pieceBytes: Int, finished: (UnsafeRawBufferPointer) -> Void
    ) {
        precondition(pieceBytes > 0, "pieces of nothing")
        let pieces = stride(from: 0, to: buffer.count, by: pieceBytes).lazy.map { first in
            UnsafeRawBufferPointer(rebasing: buffer[first..<min(buffer.count, first + pieceBytes)])
        }
        // Without memory for a context all of it is hashed at once.
        self = SHA256Digest(joining: pieces, finished: finished) ?? SHA256Digest(of: buffer)
    }

    /// Hashes buffers as if they lay one behind the other; nil without memory for it. `finished` is told each buffer that
    /// was read.
    package init?(
        joining buffers: some Sequence<UnsafeRawBufferPointer>, finished: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard context != nil, EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { return nil }
        for buffer in buffers {
            guard EVP_DigestUpdate(context, buffer.baseAddress, buffer.count) == 1 else { return nil }
            finished(buffer)
        }
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { return nil }
        bytes = digest
    }

    /// A digest that was computed before; nil unless there are 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Int(SHA256_DIGEST_LENGTH) else { return nil }
        self.bytes = bytes
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

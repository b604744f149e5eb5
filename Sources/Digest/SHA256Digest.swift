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
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var isWell = context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
        var first = 0
        while isWell, first < buffer.count {
            let piece = UnsafeRawBufferPointer(rebasing: buffer[first..<min(buffer.count, first + pieceBytes)])
            isWell = EVP_DigestUpdate(context, piece.baseAddress, piece.count) == 1
            finished(piece)
            first += piece.count
        }
        guard isWell, EVP_DigestFinal_ex(context, &digest, nil) == 1 else {
            // Without memory for the context all of it is hashed at once.
            self.init(of: buffer)
            return
        }
        self.init(bytes: digest)
    }

    private init(bytes: [UInt8]) {
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

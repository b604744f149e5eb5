import Digest

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A whole file mapped read-only into memory, unmapped when the last owner goes.
package final class MappedFile: Sendable {
    /// The path as it was given.
    package let path: String
    /// The file's bytes; valid while this object lives.
    package nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// What changes when the file is written to or replaced: device, inode, size and times; nil for bytes that were made.
    package let revision: String?
    /// Whether the bytes lie in memory of this object's own instead of a mapping.
    private let ownsMemory: Bool

    /// Maps a regular, non-empty file.
    package init(path: String) throws(ModelFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: systemReason()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .cannotOpen(path: path, reason: systemReason()) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw .isFolder(path: path)
        default: throw .cannotOpen(path: path, reason: "not a regular file")
        }
        let count = Int(status.st_size)
        guard count > 0 else { throw .isEmpty(path: path) }
        guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw .cannotOpen(path: path, reason: systemReason())
        }
        self.path = path
        revision =
            "\(status.st_dev) \(status.st_ino) \(count) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) "
            + "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        bytes = UnsafeRawBufferPointer(start: address, count: count)
        ownsMemory = false
    }

    /// Bytes that were made instead of read; `path` is what errors name.
    package init(path: String, contents: some Collection<UInt8>) {
        self.path = path
        revision = nil
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: contents.count, alignment: 64)
        memory.copyBytes(from: contents)
        bytes = UnsafeRawBufferPointer(memory)
        ownsMemory = true
    }

    deinit {
        if ownsMemory {
            bytes.deallocate()
            return
        }
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }

    /// Gives back the memory of a part that will not be read again soon; reading it anew reads the file anew. What lies in
    /// another file is left alone.
    func discard(_ part: UnsafeRawBufferPointer) {
        guard !ownsMemory, let start = part.baseAddress, let base = bytes.baseAddress, start >= base,
            part.count <= bytes.count, start - base <= bytes.count - part.count
        else { return }
        // Whole pages only; what stands at the ends belongs to neighbours as well.
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = (start - base + page - 1) / page * page
        let end = (start - base + part.count) / page * page
        guard first < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
    }

    /// Bytes that are hashed before their memory is given back.
    private static let digestPieceBytes = 64 << 20

    /// SHA-256 of the whole file; reads all of it. Without `keepsPages` it takes no memory afterwards, and little meanwhile.
    package func digest(keepsPages: Bool = true) -> SHA256Digest {
        keepsPages
            ? SHA256Digest(of: bytes)
            : SHA256Digest(of: bytes, pieceBytes: Self.digestPieceBytes) { discard($0) }
    }

    /// What the first bytes look like.
    package var kind: ModelFileKind {
        let head = bytes.prefix(512)
        func begins(_ magic: [UInt8]) -> Bool { head.starts(with: magic) }
        func begins(_ text: String) -> Bool { head.starts(with: text.utf8) }
        if begins("GGUF") || begins("FUGG") { return .gguf }
        if ["lmgg", "fmgg", "tjgg", "algg", "ggml"].contains(where: { begins($0) }) { return .legacyGGML }
        if begins([0x50, 0x4B, 0x03, 0x04]) || begins([0x50, 0x4B, 0x05, 0x06]) { return .zipArchive }
        if head.count > 2, head[0] == 0x80, (2...5).contains(head[1]) { return .pickle }
        if [[0x1F, 0x8B], [0xFD, 0x37, 0x7A], [0x28, 0xB5, 0x2F, 0xFD], [0x42, 0x5A, 0x68]].contains(where: {
            begins($0)
        }) {
            return .compressed
        }
        if head.count > 9, head[8] == UInt8(ascii: "{"),
            bytes.loadUnaligned(as: UInt64.self).littleEndian <= UInt64(bytes.count)
        {
            return .safetensors
        }
        // The version of the format, then who wrote it or the version of its operations.
        if head.count > 2, head[0] == 0x08, (1...32).contains(head[1]),
            [0x12, 0x1A, 0x22, 0x2A, 0x3A, 0x42].contains(head[2])
        {
            return .onnx
        }
        if head.allSatisfy({ $0 == 0 }) { return .zeros }
        if begins("version https://git-lfs") { return .gitLFSPointer }
        return textKind(of: head)
    }

    private func textKind(of head: Slice<UnsafeRawBufferPointer>) -> ModelFileKind {
        guard head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || (9...13).contains($0) }) else { return .unknown }
        let text = String(decoding: head, as: UTF8.self).lowercased().drop(while: \.isWhitespace)
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") { return .webPage }
        if text.hasPrefix("{") || text.hasPrefix("[") { return .json }
        return .text
    }
}

/// The system's word for the last failed call.
private func systemReason() -> String {
    String(cString: strerror(errno))
}

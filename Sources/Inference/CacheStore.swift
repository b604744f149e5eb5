import Digest
import Foundation
import ModelFiles

/// What took long to compute, on disk: one file for each name, written whole or not at all, the least recently used
/// removed when they take too much room.
///
/// An entry that is damaged, or is not what its name says, is removed and counts as absent.
package struct CacheStore: Sendable {
    /// The folder of the entries, made when first written to. What lies in it is the store's.
    package let folder: URL
    /// Bytes that all entries together may take.
    package let capacity: Int

    /// A gigabyte: more than 500 pictures of Emu2-Chat.
    package static let usualCapacity = 1 << 30

    package init(folder: URL, capacity: Int = CacheStore.usualCapacity) {
        self.folder = folder
        self.capacity = capacity
    }

    private static let magic = Array("emuchat cache 1\n".utf8)
    private static let digestLength = 32
    private static let fileExtension = "entry"

    // MARK: Bytes

    /// Gives an entry's bytes to `body`, valid during the call; nil when there is no such entry or `body` has no use for
    /// it, in which case it is removed. `name` is 64 hexadecimal digits.
    package func withEntry<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) -> Result?) -> Result? {
        let file = place(of: name)
        // Sizes before contents: what is no entry may be anything.
        guard let size = Self.size(of: file) else { return nil }
        guard size <= capacity, let mapping = try? MappedFile(path: file.path),
            let payload = Self.payload(mapping.bytes, name), let result = body(payload)
        else {
            try? FileManager.default.removeItem(at: file)
            return nil
        }
        // Its date says when it was last used.
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: file.path)
        return result
    }

    /// Whether there is an entry of a name, whole or not.
    package func mayHold(_ name: String) -> Bool { Self.size(of: place(of: name)) != nil }

    /// Writes buffers one behind the other as an entry, and removes the least recently used ones beyond the capacity.
    package func write(_ buffers: [UnsafeRawBufferPointer], as name: String) throws(CacheStoreError) {
        let size = buffers.reduce(Self.magic.count + Self.digestLength) { $0 + $1.count }
        guard size <= capacity else { throw .tooLarge(bytes: size, capacity: capacity) }
        guard let digest = Self.digest(buffers, name) else {
            throw .notWritten(path: folder.path, reason: "there is no memory to hash it")
        }
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try writeAtomically(Data(Self.magic + digest.bytes), buffers, to: place(of: name))
        } catch {
            throw .notWritten(path: folder.path, reason: error.localizedDescription)
        }
        removeOldest()
    }

    private func writeAtomically(_ head: Data, _ buffers: [UnsafeRawBufferPointer], to file: URL) throws {
        let part = file.deletingPathExtension().appendingPathExtension(
            "part\(ProcessInfo.processInfo.processIdentifier)")
        do {
            let descriptor = open(part.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw Self.systemError }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try handle.write(contentsOf: head)
            for buffer in buffers {
                guard let base = buffer.baseAddress else { continue }
                try handle.write(
                    contentsOf: Data(
                        bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: buffer.count, deallocator: .none))
            }
            guard rename(part.path, file.path) == 0 else { throw Self.systemError }
        } catch {
            try? FileManager.default.removeItem(at: part)
            throw error
        }
    }

    private static var systemError: POSIXError { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }

    // MARK: Numbers

    /// The numbers of an entry; nil when there is none.
    package func read(_ name: String) -> [Float]? {
        withEntry(name) { payload in
            guard payload.count % 4 == 0 else { return nil }
            return [Float](unsafeUninitializedCapacity: payload.count / 4) { buffer, count in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: payload)
                count = payload.count / 4
            }
        }
    }

    /// Writes numbers as an entry. What goes wrong is left: an entry that is missing is only computed again.
    package func write(_ values: [Float], as name: String) {
        values.withUnsafeBytes { try? write([$0], as: name) }
    }

    // MARK: Files

    private func place(of name: String) -> URL {
        folder.appendingPathComponent(name).appendingPathExtension(Self.fileExtension)
    }

    /// The name is part of the digest, so that a renamed file is no entry.
    private static func digest(_ buffers: [UnsafeRawBufferPointer], _ name: String) -> SHA256Digest? {
        Array(name.utf8).withUnsafeBytes { SHA256Digest(joining: [$0] + buffers) }
    }

    private static func payload(_ content: UnsafeRawBufferPointer, _ name: String) -> UnsafeRawBufferPointer? {
        let start = magic.count + digestLength
        guard content.count >= start, content.prefix(magic.count).elementsEqual(magic) else { return nil }
        let payload = UnsafeRawBufferPointer(rebasing: content[start...])
        guard let digest = digest([payload], name), content[magic.count..<start].elementsEqual(digest.bytes) else {
            return nil
        }
        return payload
    }

    private static func size(of file: URL) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? Int
    }

    private func removeOldest() {
        let keys: Set<URLResourceKey> = [.fileSizeKey, .contentModificationDateKey]
        guard
            let files = try? FileManager.default.contentsOfDirectory(
                at: folder, includingPropertiesForKeys: Array(keys))
        else { return }
        // Also what a killed process left half written.
        var entries = files.compactMap { file -> (URL, Int, Date)? in
            guard let values = try? file.resourceValues(forKeys: keys), let size = values.fileSize,
                let date = values.contentModificationDate
            else { return nil }
            return (file, size, date)
        }
        entries.sort { $0.2 < $1.2 }
        var total = entries.reduce(0) { $0 + $1.1 }
        for (file, size, _) in entries where total > capacity {
            try? FileManager.default.removeItem(at: file)
            total -= size
        }
    }
}

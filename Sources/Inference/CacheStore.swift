import Digest
import Foundation

/// Numbers that took long to compute, on disk: one file for each name, written whole or not at all, the least recently
/// used removed when they take too much room.
///
/// An entry that is damaged, or is not what its name says, is removed and counts as absent. What goes wrong while writing
/// is left: an entry that is missing is only computed again.
package struct CacheStore: Sendable {
    /// The folder of the entries, made when first written to.
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
    private static let fileExtension = "f32"

    /// The numbers of an entry; nil when there is none. `name` is 64 hexadecimal digits.
    package func read(_ name: String) -> [Float]? {
        let file = place(of: name)
        // Sizes before contents: what is no entry may be anything.
        guard let size = Self.size(of: file) else { return nil }
        guard size <= capacity, let content = try? Data(contentsOf: file), let values = Self.values(content, name)
        else {
            try? FileManager.default.removeItem(at: file)
            return nil
        }
        // Its date says when it was last used.
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: file.path)
        return values
    }

    /// Writes an entry and removes the least recently used ones beyond the capacity.
    package func write(_ values: [Float], as name: String) {
        let payload = values.withUnsafeBytes { Data($0) }
        let content = Data(Self.magic) + Data(Self.digest(payload, name)) + payload
        guard content.count <= capacity else { return }
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try content.write(to: place(of: name), options: .atomic)
        } catch { return }
        removeOldest()
    }

    private func place(of name: String) -> URL {
        folder.appendingPathComponent(name).appendingPathExtension(Self.fileExtension)
    }

    /// The name is part of the digest, so that a renamed file is no entry.
    private static func digest(_ payload: Data, _ name: String) -> [UInt8] {
        SHA256Digest(of: Array(name.utf8) + [UInt8](payload)).bytes
    }

    private static func values(_ content: Data, _ name: String) -> [Float]? {
        let start = magic.count + digestLength
        guard content.count >= start, content.prefix(magic.count).elementsEqual(magic) else { return nil }
        let payload = Data(content.dropFirst(start))
        guard payload.count % 4 == 0,
            content.dropFirst(magic.count).prefix(digestLength).elementsEqual(digest(payload, name))
        else { return nil }
        return [Float](unsafeUninitializedCapacity: payload.count / 4) { buffer, count in
            payload.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
            count = payload.count / 4
        }
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
        var entries = files.filter { $0.pathExtension == Self.fileExtension }.compactMap { file -> (URL, Int, Date)? in
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

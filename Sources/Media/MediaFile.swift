import Foundation
import Paths

/// The bounds within which files are read and decoded. They are checked before anything is decoded.
package struct MediaLimits: Sendable, Equatable {
    /// Bytes of a picture's file.
    package var fileBytes: Int
    /// Pixels of one decoded picture or frame; three bytes of memory each.
    package var pixels: Int
    /// Frames of a clip, counted when it is opened.
    package var videoFrames: Int
    /// Pixels of all frames together that are taken from one clip.
    package var sampledPixels: Int

    package init(
        fileBytes: Int = 256 << 20, pixels: Int = 200_000_000, videoFrames: Int = 2_000_000,
        sampledPixels: Int = 200_000_000
    ) {
        self.fileBytes = fileBytes
        self.pixels = pixels
        self.videoFrames = videoFrames
        self.sampledPixels = sampledPixels
    }

    package static let standard = MediaLimits()
}

/// Reading whole files without being held up by pipes or devices.
enum MediaFile {
    /// Opens a regular file; the caller closes the descriptor. Also returns its size.
    static func open(_ path: String) throws(MediaError) -> (descriptor: Int32, size: Int) {
        // Non-blocking, so that opening a pipe returns instead of waiting for a writer.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw failure(path, code)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return (descriptor, Int(status.st_size))
        case S_IFDIR:
            Glibc.close(descriptor)
            throw .isFolder(path: path)
        default:
            Glibc.close(descriptor)
            throw .notARegularFile(path: path)
        }
    }

    /// The file's bytes, at most `limit`.
    static func read(_ path: String, limit: Int) throws(MediaError) -> [UInt8] {
        let (descriptor, size) = try open(path)
        defer { Glibc.close(descriptor) }
        guard size <= limit else { throw .fileTooLarge(path: path, bytes: size, limit: limit) }
        return try read(descriptor: descriptor, name: path, expected: size, limit: limit)
    }

    /// The file's first bytes, for `MediaKind.detect`.
    static func prefix(_ path: String) throws(MediaError) -> [UInt8] {
        let (descriptor, size) = try open(path)
        defer { Glibc.close(descriptor) }
        let wanted = min(size, MediaKind.prefixLength)
        let bytes = try read(descriptor: descriptor, name: path, expected: wanted, limit: Int.max, stopAfter: wanted)
        return bytes
    }

    /// Reads a descriptor to its end, or to `stopAfter` bytes; more than `limit` is an error.
    static func read(
        descriptor: Int32, name: String, expected: Int, limit: Int, stopAfter: Int = .max
    ) throws(MediaError) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(min(expected, 64 << 20))
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while bytes.count < stopAfter {
            let wanted = min(piece.count, stopAfter - bytes.count)
            let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, wanted) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(name, errno)
            }
            if count == 0 { break }
            guard bytes.count + count <= limit else {
                throw .fileTooLarge(path: name, bytes: bytes.count + count, limit: limit)
            }
            bytes.append(contentsOf: piece[..<count])
        }
        return bytes
    }

    private static func failure(_ path: String, _ code: Int32) -> MediaError {
        switch code {
        case ENOENT, ENOTDIR: .noSuchFile(path: path, suggestion: NearbyName.suggestion(for: path))
        case EACCES, EPERM: .permissionDenied(path: path)
        case EISDIR: .isFolder(path: path)
        default: .unreadable(path: path, reason: String(cString: strerror(code)))
        }
    }
}

/// Finds the file that a mistyped path may have meant.
enum NearbyName {
    /// A sibling whose name is at most a third of its letters away; nil when none is.
    static func suggestion(for path: String) -> String? {
        guard !path.isEmpty else { return nil }
        let folder = PathName.folder(of: path)
        let name = (path as NSString).lastPathComponent
        let place = folder.isEmpty ? "." : folder
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: place), names.count <= 20_000 else {
            return nil
        }
        let wanted = Array(name.lowercased())
        // Of one letter, every other one-letter name would be near.
        guard (2...255).contains(wanted.count) else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in names.sorted() {
            let letters = Array(candidate.lowercased())
            guard abs(letters.count - wanted.count) <= wanted.count / 3 + 1 else { continue }
            let distance = editDistance(wanted, letters)
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
        return folder.isEmpty ? best.name : (folder as NSString).appendingPathComponent(best.name)
    }

    /// Levenshtein distance, a swap of neighbours counting as one.
    static func editDistance(_ a: [Character], _ b: [Character]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [Int](repeating: i, count: b.count + 1)
            for j in 1...b.count {
                let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                row[j] = min(last[j] + 1, row[j - 1] + 1, substitution)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}

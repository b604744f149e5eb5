import Foundation
import Paths

/// The calls by which a large file grows, so that tests can let them fail.
package struct PartFileCalls {
    package var write: (Int32, UnsafeRawBufferPointer) -> Int = { Glibc.write($0, $1.baseAddress, $1.count) }
    /// Bytes that a folder's disk has left for this user.
    package var freeBytes: (String) -> Int? = { folder in
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }

    package init() {}
}

/// A large file written from front to back, which takes its name only when it is whole.
///
/// Until then it lies beside as `NAME.part`, with `NAME.part.json` telling what it will be and how much of it has
/// reached the disk; a process that was killed goes on from there.
final class PartFile {
    let path: String
    let size: Int
    /// Bytes written so far, those of earlier processes included.
    private(set) var written: Int
    private let descriptor: Int32
    private let fingerprint: String
    private let calls: PartFileCalls
    private var recorded: Int
    private var lastRecord = ContinuousClock.now
    private var isOpen = true

    /// How often what was written is recorded: often enough that a kill costs little, seldom enough to cost nothing.
    private static let recordInterval = Duration.seconds(5)

    private struct Record: Codable, Equatable {
        let fingerprint: String
        let size: Int
        let written: Int
    }

    private var partPath: String { path + ".part" }
    private var recordPath: String { path + ".part.json" }

    /// Opens or continues the file; `fingerprint` is of everything that decides its bytes.
    init(path: String, size: Int, fingerprint: String, calls: PartFileCalls) throws(ConversionError) {
        self.path = path
        self.size = size
        self.fingerprint = fingerprint
        self.calls = calls
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw .isFolder(path: path) }
        descriptor = open(path + ".part", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw PartFile.failure(path, errno) }
        written = 0
        recorded = 0
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            isOpen = false
            throw .inUse(path: path)
        }
        do throws(ConversionError) {
            try resume()
            try checkRoom()
        } catch {
            close(descriptor)
            isOpen = false
            throw error
        }
    }

    deinit {
        if isOpen { close(descriptor) }
    }

    /// Takes over what an earlier process recorded, when it was writing the same bytes.
    private func resume() throws(ConversionError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw PartFile.failure(path, errno) }
        if let data = FileManager.default.contents(atPath: recordPath), data.count < 4096,
            let record = try? JSONDecoder().decode(Record.self, from: data), record.fingerprint == fingerprint,
            record.size == size, (0...size).contains(record.written), record.written <= Int(status.st_size)
        {
            written = record.written
            recorded = written
        }
        guard ftruncate(descriptor, off_t(written)) == 0, lseek(descriptor, off_t(written), SEEK_SET) >= 0 else {
            throw PartFile.failure(path, errno)
        }
    }

    private func checkRoom() throws(ConversionError) {
        let folder = PathName.folder(of: path)
        guard let available = calls.freeBytes(folder.isEmpty ? "." : folder) else { return }
        guard size - written <= available else {
            discardIfEmpty()
            throw .notEnoughRoom(path: path, needed: size - written, available: available)
        }
    }

    // MARK: Writing

    /// Writes behind what is there; records from time to time how much has reached the disk.
    func append(_ bytes: UnsafeRawBufferPointer) throws(ConversionError) {
        var done = 0
        while done < bytes.count {
            let count = calls.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = count < 0 ? errno : ENOSPC
                keep()
                if code == ENOSPC || code == EDQUOT || code == EFBIG {
                    throw .diskFull(path: path, written: recorded, size: size)
                }
                throw PartFile.failure(path, code)
            }
            done += count
            written += count
        }
        if ContinuousClock.now - lastRecord > PartFile.recordInterval { keep() }
    }

    /// Makes what was written last, so that a later process goes on behind it; where that fails, it goes on earlier.
    func keep() {
        lastRecord = .now
        guard written > recorded, fdatasync(descriptor) == 0,
            let data = try? JSONEncoder().encode(Record(fingerprint: fingerprint, size: size, written: written))
        else { return }
        // A record that is lost or half written costs time, not bytes: it is then not believed.
        guard (try? data.write(to: URL(fileURLWithPath: recordPath), options: .atomic)) != nil else { return }
        recorded = written
    }

    /// Gives the whole file its name.
    func finish() throws(ConversionError) {
        precondition(written == size, "a file that is not whole")
        guard fsync(descriptor) == 0, rename(partPath, path) == 0 else { throw PartFile.failure(path, errno) }
        unlink(recordPath)
        let folder = PathName.folder(of: path)
        let handle = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if handle >= 0 {
            fsync(handle)
            close(handle)
        }
        close(descriptor)
        isOpen = false
    }

    private func discardIfEmpty() {
        guard written == 0 else { return }
        unlink(partPath)
        unlink(recordPath)
    }

    private static func failure(_ path: String, _ code: Int32) -> ConversionError {
        .cannotWrite(path: path, reason: String(cString: strerror(code)))
    }
}

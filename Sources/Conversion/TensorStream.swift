import Digest
import Dispatch
import Synchronization
import Tensor

/// A file of tensors made piece by piece: a header, then each tensor's rows at its place, zeros between.
///
/// Memory is a few dozen megabytes whatever the file's size; rows are made on several threads and written in order, so
/// the bytes do not depend on their number.
struct TensorStream {
    struct Item {
        let name: String
        /// Where in the file the rows lie.
        let place: Range<Int>
        let rowCount: Int
        var rowBytes: Int { place.count / rowCount }
    }

    let header: [UInt8]
    let items: [Item]
    let threadCount: Int

    /// Bytes made at a time; a row that is larger is made alone.
    var pieceBytes = TensorStream.usualPieceBytes
    static let usualPieceBytes = 16 << 20

    /// The whole file's size.
    var size: Int { items.last?.place.upperBound ?? header.count }

    /// Makes rows of an item; false when they cannot be made. Called on several threads at once.
    typealias Fill = @Sendable (_ item: Int, _ rows: Range<Int>, _ out: UnsafeMutableRawBufferPointer) -> Bool

    /// Writes what is missing of a file. `finished` is told which rows are written and will not be asked for again.
    func write(
        to path: String, fingerprint: String, calls: PartFileCalls = PartFileCalls(), fill: @escaping Fill,
        finished: (_ item: Int, _ rows: Range<Int>) -> Void = { _, _ in },
        failure: (_ item: Int, _ row: Int) -> ConversionError, isCancelled: () -> Bool,
        progress: (_ written: Int, _ size: Int) -> Void
    ) throws(ConversionError) {
        let digest = SHA256Digest(of: header + Array(fingerprint.utf8))
        let file = try PartFile(path: path, size: size, fingerprint: digest.hexadecimal, calls: calls)
        if file.written < header.count {
            try append(Array(header[file.written...]), to: file)
        }
        let largestRow = items.map(\.rowBytes).max() ?? 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(pieceBytes, largestRow), alignment: 64)
        defer { buffer.deallocate() }
        for (number, item) in items.enumerated() where item.place.upperBound > file.written {
            if item.place.lowerBound > file.written {
                try append([UInt8](repeating: 0, count: item.place.lowerBound - file.written), to: file)
            }
            let piece = max(1, pieceBytes / item.rowBytes)
            // A row that an earlier process wrote a part of is made again, and its beginning left out.
            var row = (file.written - item.place.lowerBound) / item.rowBytes
            while row < item.rowCount {
                if isCancelled() {
                    file.keep()
                    throw .cancelled(path: path, written: file.written, size: size)
                }
                let rows = row..<min(item.rowCount, row + piece)
                let out = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(rows.count * item.rowBytes)])
                if let bad = make(number, rows, item.rowBytes, into: out, fill) {
                    file.keep()
                    throw failure(number, bad)
                }
                let skipped = file.written - item.place.lowerBound - row * item.rowBytes
                try file.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(out)[skipped...]))
                finished(number, rows)
                progress(file.written, size)
                row = rows.upperBound
            }
        }
        try file.finish()
    }

    private func append(_ bytes: [UInt8], to file: PartFile) throws(ConversionError) {
        // The library's call passes untyped errors on.
        let failure = bytes.withUnsafeBytes { buffer -> ConversionError? in
            do throws(ConversionError) { try file.append(buffer) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    /// Makes rows on all threads; returns the first row of a part that could not be made.
    private func make(
        _ item: Int, _ rows: Range<Int>, _ rowBytes: Int, into out: UnsafeMutableRawBufferPointer,
        _ fill: @escaping Fill
    ) -> Int? {
        // More parts than threads, since one thread may be taken away.
        let parts = min(rows.count, threadCount * 4)
        let failed = Mutex<Int?>(nil)
        nonisolated(unsafe) let out = out
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let first = rows.count * part / parts
            let last = rows.count * (part + 1) / parts
            let bytes = UnsafeMutableRawBufferPointer(rebasing: out[first * rowBytes..<last * rowBytes])
            if !fill(item, rows.lowerBound + first..<rows.lowerBound + last, bytes) {
                failed.withLock { $0 = min($0 ?? .max, rows.lowerBound + first) }
            }
        }
        return failed.withLock { $0 }
    }
}

import Foundation
import Inference
import TestSupport
import Testing

@Suite struct CacheStoreTests {
    private func name(_ digit: Int) -> String { String(repeating: "\(digit)", count: 64) }

    private func withStore(capacity: Int = 1 << 20, _ body: (CacheStore) throws -> Void) throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(CacheStore(folder: folder.appendingPathComponent("entries"), capacity: capacity))
    }

    private func files(_ store: CacheStore) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: store.folder, includingPropertiesForKeys: nil)
    }

    @Test func whatIsWrittenIsReadBitForBit() throws {
        try withStore { store in
            #expect(store.read(name(1)) == nil)
            let values: [Float] = [1, -0.0, .infinity, 0x1p-133, 3.25]
            store.write(values, as: name(1))
            store.write([Float](), as: name(2))
            #expect(store.read(name(1))?.map(\.bitPattern) == values.map(\.bitPattern))
            #expect(store.read(name(2)) == [])
            store.write([7], as: name(1))
            #expect(store.read(name(1)) == [7])
            // Nothing but entries is left behind by writing.
            let kinds = try files(store).map(\.pathExtension)
            #expect(kinds == ["entry", "entry"])
        }
    }

    @Test func anyDamageMakesAnEntryAbsentAndRemovesIt() throws {
        try withStore { store in
            store.write([1, 2, 3], as: name(1))
            let file = try #require(try files(store).first)
            let whole = [UInt8](try Data(contentsOf: file))
            var damaged = whole.indices.map { index in
                var bytes = whole
                bytes[index] ^= 0x10
                return bytes
            }
            damaged += [[], Array(whole.dropLast()), Array(whole.dropLast(4)), whole + [0, 0, 0, 0]]
            for bytes in damaged {
                try Data(bytes).write(to: file)
                #expect(store.read(name(1)) == nil)
                #expect(!FileManager.default.fileExists(atPath: file.path))
            }
        }
    }

    @Test func anEntryUnderAnotherNameIsNone() throws {
        try withStore { store in
            store.write([1, 2, 3], as: name(1))
            let file = try #require(try files(store).first)
            try FileManager.default.moveItem(
                at: file, to: store.folder.appendingPathComponent(name(2)).appendingPathExtension("entry"))
            #expect(store.read(name(2)) == nil && store.read(name(1)) == nil)
        }
    }

    @Test func theLeastRecentlyUsedGoFirst() throws {
        // Room for three entries of this size and not for four.
        try withStore(capacity: 3 * (16 + 32 + 400) + 100) { store in
            let values = [Float](repeating: 1, count: 100)
            for digit in 1...3 {
                store.write(values, as: name(digit))
                let date = Date(timeIntervalSince1970: 1e9 + Double(digit))
                let file = store.folder.appendingPathComponent(name(digit)).appendingPathExtension("entry")
                try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file.path)
            }
            #expect(store.read(name(1)) == values)
            store.write(values, as: name(4))
            #expect(store.read(name(2)) == nil)
            for digit in [1, 3, 4] { #expect(store.read(name(digit)) == values) }
            // What could never fit is not written at all.
            store.write([Float](repeating: 1, count: 1000), as: name(5))
            #expect(store.read(name(5)) == nil && store.read(name(4)) != nil)
        }
    }

    @Test func aFolderThatCannotBeMadeChangesNothing() throws {
        let store = CacheStore(folder: URL(fileURLWithPath: "/dev/null/emuchat"))
        store.write([1], as: name(1))
        #expect(store.read(name(1)) == nil)
        #expect { try write([1], as: name(1), in: store) } throws: { error in
            if case .notWritten(path: "/dev/null/emuchat", _)? = error as? CacheStoreError { true } else { false }
        }
    }

    private func write(_ bytes: [UInt8]..., as name: String, in store: CacheStore) throws {
        let whole = bytes.joined()
        try Array(whole).withUnsafeBytes { all in
            var first = 0
            let buffers = bytes.map { part in
                defer { first += part.count }
                return UnsafeRawBufferPointer(rebasing: all[first..<first + part.count])
            }
            try store.write(buffers, as: name)
        }
    }

    @Test func buffersAreOneEntryForTheUserAlone() throws {
        try withStore { store in
            #expect(!store.mayHold(name(1)))
            try write([1, 2], [], [3], as: name(1), in: store)
            #expect(store.mayHold(name(1)))
            #expect(store.withEntry(name(1)) { Array($0) } == [1, 2, 3])
            let file = try #require(try files(store).first)
            func permissions(_ path: String) throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            }
            #expect(try permissions(file.path) == 0o600 && permissions(store.folder.path) == 0o700)
            // One that nobody has a use for goes.
            #expect(store.withEntry(name(1)) { _ in nil as Int? } == nil)
            #expect(!store.mayHold(name(1)))
        }
    }

    @Test func whatAKilledProcessLeftGoesAsTheOldest() throws {
        try withStore(capacity: 500) { store in
            store.write([1], as: name(1))
            let part = store.folder.appendingPathComponent("\(name(2)).part77")
            try Data(count: 480).write(to: part)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: part.path)
            store.write([2], as: name(3))
            #expect(!FileManager.default.fileExists(atPath: part.path))
            #expect(store.read(name(1)) == [1] && store.read(name(3)) == [2])
        }
    }

    @Test func whatIsLargerThanTheStoreIsToldAndNotWritten() throws {
        try withStore(capacity: 100) { store in
            #expect(throws: CacheStoreError.tooLarge(bytes: 101, capacity: 100)) {
                try write([UInt8](repeating: 0, count: 53), as: name(1), in: store)
            }
            #expect(!store.mayHold(name(1)))
        }
    }

    @Test func everyErrorSaysWhatToDo() {
        let errors: [CacheStoreError] = [
            .tooLarge(bytes: 7, capacity: 5), .notWritten(path: "/x", reason: "no space"),
        ]
        #expect(
            errors.map(\.description) == [
                "7 bytes are more than the 5 that the cache on disk may take.",
                "/x: no space. Make room there, or set XDG_CACHE_HOME to a folder of yours.",
            ])
    }
}

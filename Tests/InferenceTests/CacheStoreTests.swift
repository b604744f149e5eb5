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
            store.write([], as: name(2))
            #expect(store.read(name(1))?.map(\.bitPattern) == values.map(\.bitPattern))
            #expect(store.read(name(2)) == [])
            store.write([7], as: name(1))
            #expect(store.read(name(1)) == [7])
            // Nothing but entries is left behind by writing.
            let kinds = try files(store).map(\.pathExtension)
            #expect(kinds == ["f32", "f32"])
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
                at: file, to: store.folder.appendingPathComponent(name(2)).appendingPathExtension("f32"))
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
                let file = store.folder.appendingPathComponent(name(digit)).appendingPathExtension("f32")
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
    }
}

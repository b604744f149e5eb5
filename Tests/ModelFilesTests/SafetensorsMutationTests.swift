import Foundation
import ModelFiles
import TestSupport
import Testing

@Suite struct SafetensorsMutants {
    @Test func neitherTrapNorHang() throws {
        let header = """
            {"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},\
            "b":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},"c":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}
            """
        let original =
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
            + [UInt8](repeating: 7, count: 24)
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("mutant.safetensors").path
        var random = SeededGenerator(seed: 7)
        var accepted = 0
        for _ in 0..<Mutation.count(default: 2000) {
            let bytes = Mutation.mutate(original, with: &random)
            #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
            do throws(ModelFileError) {
                let file = try SafetensorsFile(path: path)
                accepted += 1
                for name in file.tensorNames {
                    _ = try? file.floats(name)
                    _ = try? file.integers(name)
                }
            } catch {
                let text = error.description
                try #require(!text.isEmpty && !text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
            }
        }
        #expect(accepted > 0)
    }
}

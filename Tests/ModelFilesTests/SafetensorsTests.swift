import Foundation
import ModelFiles
import TestSupport
import Testing

/// The bytes of a safetensors file with this header.
private func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + data
}

private func reading<Result>(_ bytes: [UInt8], _ body: (SafetensorsFile) throws -> Result) throws -> Result {
    try TestSupport.withTemporaryFile(bytes, name: "model.safetensors") { try body(SafetensorsFile(path: $0)) }
}

@Suite struct SafetensorsReading {
    @Test func widensHalfPrecisionExactly() throws {
        let header = """
            {"__metadata__":{"format":"pt","n\\u00e9\\ud83d\\ude00":"x\\"y"},"half":{"dtype":"F16","shape":[2,3],\
            "data_offsets":[0,12]}, "brain":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},
            "whole":{"dtype":"I64","shape":[],"data_offsets":[16,24]},"none":{"dtype":"F32","shape":[0],"data_offsets":[24,24]}}
            """
        let halves: [UInt16] = [0x3C00, 0xC000, 0x0001, 0x7C00, 0x8000, 0x03FF]
        let brains: [UInt16] = [0x3F80, 0xC049]
        var data = (halves + brains).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        data += withUnsafeBytes(of: Int64(-7).littleEndian) { Array($0) }
        try reading(safetensors(header, data: data)) { file in
            #expect(file.tensorNames == ["half", "brain", "whole", "none"])
            #expect(file.metadata == ["format": "pt", "né😀": "x\"y"])
            let half = try file.floats("half")
            #expect(half == [1, -2, 0x1p-24, .infinity, -0.0, 0x3FFp-24])
            #expect(half[4].sign == .minus)
            #expect(try file.floats("brain") == [1, -3.140625])
            #expect(try file.integers("whole") == [-7])
            #expect(try file.floats("none") == [])
            #expect(try file.tensor("half").shape == [2, 3])
            #expect(throws: ModelFileError.self) { try file.floats("whole") }
            #expect(throws: ModelFileError.self) { try file.integers("half") }
            #expect(throws: ModelFileError.missingTensor(path: file.path, name: "x")) { try file.tensor("x") }
        }
    }

    @Test(.enabled(if: TestSupport.shared != nil, "../shared is missing"))
    func readsTheGoldenFiles() throws {
        let golden = try #require(TestSupport.shared).appendingPathComponent("golden/emu2-tiny")
        let files = try #require(FileManager.default.enumerator(at: golden, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "safetensors" }
        #expect(!files.isEmpty)
        for url in files {
            let file = try SafetensorsFile(path: url.path)
            #expect(!file.tensors.isEmpty)
            // Tensors lie without gaps: together with the header they are the whole file.
            let bytes = file.tensors.values.reduce(0) { $0 + $1.bytes.count }
            let header = try Data(contentsOf: url).prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect(bytes + header + 8 == file.mapping.bytes.count)
        }
    }

    @Test(arguments: [
        "{", "{}x", "{\"a\"}", "{\"a\":1}", "{\"a\":{}}", "[]", "{\"a\":{\"dtype\":\"F32\"}}", "{,}", "{\"a\":{},}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,4],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"dtype\":\"F32\"}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\\ud800\":{}}", "{\"a\\x\":{}}", "{\"a\n\":{}}", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "{\"__metadata__\":{},\"__metadata__\":{}}",
    ])
    func refusesWhatTheFormatDoesNotAllow(header: String) throws {
        #expect(throws: ModelFileError.self) {
            try reading(safetensors(header, data: [0, 0, 0, 0])) { _ in }
        }
    }

    @Test func refusesBadLengthsAndOtherFiles() throws {
        let good = safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", data: [0, 0, 0, 0])
        #expect(try reading(good) { try $0.floats("a") } == [0])
        for count in 1..<good.count {
            #expect(throws: ModelFileError.self) { try reading(Array(good[..<count])) { _ in } }
        }
        var long = good
        for index in 0..<8 {
            long = good
            long[index] = 0xFF
            #expect(throws: ModelFileError.self) { try reading(long) { _ in } }
        }
        #expect(throws: ModelFileError.self) { try reading(sampleGGUF().build()) { _ in } }
    }
}

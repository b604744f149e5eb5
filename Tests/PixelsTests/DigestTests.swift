import Digest
import Testing

@Suite struct DigestTests {
    @Test(arguments: [0, 1, 63, 64, 1000, 4096]) func piecesGiveTheDigestOfTheWhole(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let whole = SHA256Digest(of: bytes)
        for pieceBytes in [1, 7, 64, 1000, 5000] {
            var finished: [UInt8] = []
            let digest = bytes.withUnsafeBytes { buffer in
                SHA256Digest(of: buffer, pieceBytes: pieceBytes) { piece in
                    #expect(piece.count <= pieceBytes)
                    finished += Array(piece)
                }
            }
            #expect(digest == whole && finished == bytes)
        }
    }

    @Test func theDigestIsTheStandards() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let text = Array("abc".utf8)
        #expect(SHA256Digest(of: text).hexadecimal == expected)
        #expect(text.withUnsafeBytes { SHA256Digest(of: $0, pieceBytes: 2) { _ in } }.hexadecimal == expected)
    }
}

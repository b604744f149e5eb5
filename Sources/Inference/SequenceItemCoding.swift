import Digest

/// Items of a sequence as bytes, all numbers 32 bits and little-endian:
///
///     items, pictures
///     each picture: digest (32 bytes), slots
///     each item: id, picture (from 0; -1 for none), row
enum SequenceItemCoding {
    private static let countBytes = 8
    private static let pictureBytes = 36
    private static let itemBytes = 12

    static func encoded(_ items: ArraySlice<SequenceItem>) -> [UInt8] {
        var pictures: [PictureKey] = []
        var places: [PictureKey: Int] = [:]
        for case let key? in items.map(\.picture?.key) where places[key] == nil {
            places[key] = pictures.count
            pictures.append(key)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(countBytes + pictures.count * pictureBytes + items.count * itemBytes)
        func append(_ value: Int) {
            withUnsafeBytes(of: Int32(truncatingIfNeeded: value).littleEndian) { bytes += $0 }
        }
        append(items.count)
        append(pictures.count)
        for picture in pictures {
            bytes += picture.content.bytes
            append(picture.slots)
        }
        for item in items {
            append(Int(item.token))
            append(item.picture.flatMap { places[$0.key] } ?? -1)
            append(item.picture?.row ?? 0)
        }
        return bytes
    }

    /// By what contexts are told apart that a picture is predicted from.
    static func digest(_ items: ArraySlice<SequenceItem>) -> SHA256Digest { SHA256Digest(of: encoded(items)) }

    /// The items at the beginning of bytes, and how many bytes they take; nil unless they are whole, at least one and at
    /// most `limit`, and every id, picture and row is within bounds.
    static func decoded(
        _ bytes: UnsafeRawBufferPointer, atMost limit: Int, vocabularySize: Int
    ) -> (items: [SequenceItem], byteCount: Int)? {
        func number(at offset: Int) -> Int {
            Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        guard bytes.count >= countBytes else { return nil }
        let (itemCount, pictureCount) = (number(at: 0), number(at: 4))
        guard (1...max(1, limit)).contains(itemCount), (0...itemCount).contains(pictureCount) else { return nil }
        let firstItem = countBytes + pictureCount * pictureBytes
        let end = firstItem + itemCount * itemBytes
        guard bytes.count >= end else { return nil }
        var pictures: [PictureKey] = []
        for offset in stride(from: countBytes, to: firstItem, by: pictureBytes) {
            let slots = number(at: offset + 32)
            guard slots > 0, let content = SHA256Digest(bytes: Array(bytes[offset..<offset + 32])) else { return nil }
            pictures.append(PictureKey(content: content, slots: slots))
        }
        var items: [SequenceItem] = []
        items.reserveCapacity(itemCount)
        for offset in stride(from: firstItem, to: end, by: itemBytes) {
            let (token, picture, row) = (number(at: offset), number(at: offset + 4), number(at: offset + 8))
            guard (0..<vocabularySize).contains(token) else { return nil }
            guard picture != -1 else {
                items.append(SequenceItem(token: Int32(token)))
                continue
            }
            guard pictures.indices.contains(picture), (0..<pictures[picture].slots).contains(row) else { return nil }
            items.append(SequenceItem(token: Int32(token), picture: .init(key: pictures[picture], row: row)))
        }
        return (items, end)
    }
}

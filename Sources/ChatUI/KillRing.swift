/// What was cut, the latest last, to be put back by Ctrl-Y and gone through by Alt-Y.
struct KillRing: Equatable, Sendable {
    private static let maximumPieces = 30

    private var pieces: [[Editor.Element]] = []
    /// Which piece was put back last, counted from the end.
    private var position = 0

    /// The piece that is put back next.
    var current: [Editor.Element]? {
        pieces.isEmpty ? nil : pieces[pieces.count - 1 - position]
    }

    /// Takes a piece, or joins it to the last one when cuts follow each other.
    mutating func add(_ piece: [Editor.Element], joining: Bool, before: Bool) {
        position = 0
        guard joining, let last = pieces.popLast() else {
            pieces.append(piece)
            if pieces.count > Self.maximumPieces { pieces.removeFirst() }
            return
        }
        pieces.append(before ? piece + last : last + piece)
    }

    mutating func reset() { position = 0 }

    /// Goes on to the piece before; after the oldest comes the latest.
    mutating func rotate() {
        if !pieces.isEmpty { position = (position + 1) % pieces.count }
    }

    /// Removes a picture from all pieces.
    mutating func forget(picture number: Int) {
        for index in pieces.indices { pieces[index].removeAll { $0.pictureNumber == number } }
    }
}

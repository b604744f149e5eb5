import Chat
import ChatUI
import Generation
import Pixels

/// Where the pictures that one answer draws stand in the conversation, how they are shown there, and kept.
struct PicturePlaces {
    /// The conversation's numbers that are free for them.
    private let numbers: [Int]
    private let prompt: String
    /// How they are drawn.
    let options: DrawingOptions
    private let model: String
    let shelf: PictureShelf

    init(_ request: GenerationRequest, _ options: DrawingOptions, model: ModelDescription, shelf: PictureShelf) {
        (numbers, prompt) = (request.drawnNumbers, request.question.text)
        (self.options, self.model, self.shelf) = (options, model.name, shelf)
    }

    /// The conversation's number of a place, counted from 0; nil when there are not so many.
    func number(_ place: Int) -> Int? { numbers.indices.contains(place) ? numbers[place] : nil }

    /// A picture's place is as large as the picture will be, also while it is only sketched, or not begun.
    func shown(_ place: Int, _ image: PixelImage?, seed: UInt64, _ note: String) -> Action? {
        guard let number = number(place) else { return nil }
        if let image { shelf.sketch(number, image) }
        return .pictureDrawn(
            number: number,
            PictureFacts(
                name: DrawnPicture.name(seed: seed), width: options.width, height: options.height, note: note))
    }

    /// Keeps a picture beside the session; nil where it has no place.
    func keep(_ image: PixelImage, _ place: Int, seed: UInt64, stoppedAfter: Int? = nil) throws -> StoredImage? {
        guard let number = number(place) else { return nil }
        let png = try DrawnPicture.png(
            image, prompt: prompt, seed: seed, options, model: model, stoppedAfter: stoppedAfter)
        return try shelf.keep(png, image, named: DrawnPicture.name(seed: seed), as: number)
    }
}

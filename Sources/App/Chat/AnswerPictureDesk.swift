import Chat
import ChatUI
import Generation
import Media
import Pixels

/// Where the pictures gather that the model opens among the words of one answer.
struct AnswerPictureDesk {
    private let places: PicturePlaces
    /// Those that the answer took over from the one that it goes on with.
    private let takenOver: Int
    private var pictures: [PredictedPicture]
    /// What the picture that is being drawn looks like, and after how many steps.
    private var sketch: PixelImage?
    private var steps = 0

    init(_ request: GenerationRequest, beginning: AnswerBeginning?, model: ModelDescription, shelf: PictureShelf) {
        places = PicturePlaces(request, request.options.pictures.drawing(seed: nil), model: model, shelf: shelf)
        pictures = beginning?.pictures ?? []
        takenOver = pictures.count
    }

    /// What changed about a picture: how the answer holds it now, and what the screen is to know.
    struct Change {
        /// The picture with its number among the answer's; nil where nothing is to be kept.
        var kept: (picture: PredictedPicture, number: Int)?
        var action: Action?
        /// Why it is shown and not kept.
        var problem: String?
    }

    /// - Parameter token: the index in the answer of its last token so far.
    mutating func take(_ index: Int, _ event: PictureEvent, token: Int) -> Change {
        let number = takenOver + index
        if case .opened(let seed) = event, number == pictures.count {
            pictures.append(PredictedPicture(token: token, seed: seed))
            sketch = nil
            return Change(kept: (pictures[number], number), action: shown(number, nil, "not drawn yet"))
        }
        guard pictures.indices.contains(number) else { return Change() }
        var change = Change()
        switch event {
        case .opened: break
        case .progress(let progress):
            if progress.stage == .drawing { steps = progress.completed }
            change.action = .drawingProgressed(progress)
        case .predicted(let context):
            pictures[number].context = context
            change.kept = (pictures[number], number)
        case .preview(let image):
            sketch = image
            change.action = shown(number, image, "step \(steps) of \(places.options.steps)")
        case .drawn(let image):
            change.action = shown(number, image, DrawnPicture.note(steps: places.options.steps))
            change.problem = keep(image, number)
            change.kept = (pictures[number], number)
            sketch = nil
        case .notDrawn(let problem):
            pictures[number].problem = problem
            if let sketch {
                change.action = shown(number, sketch, "unfinished")
                change.problem = keep(sketch, number, stoppedAfter: steps)
            } else {
                change.action = places.number(number).map { .pictureNotDrawn(number: $0, problem) }
            }
            change.kept = (pictures[number], number)
            sketch = nil
        }
        return change
    }

    /// What the answer took over, for the screen.
    func resumed(_ beginning: AnswerBeginning) -> Action {
        var (parts, facts) = ([ConversationItem.Part](), [Int: PictureFacts]())
        var index = 0
        for part in beginning.parts {
            switch part.content {
            case .text(let text): if !text.isEmpty { parts.append(.text(text)) }
            case .predicted(let picture):
                if let image = picture.image, let number = places.number(index) {
                    places.shelf.adopt([number: .image(image)])
                    parts.append(.picture(number))
                    var shown = StoredMedium.image(image).facts
                    shown.note = DrawnPicture.note(picture, steps: places.options.steps)
                    facts[number] = shown
                } else {
                    parts.append(.undrawn(picture.words))
                }
                index += 1
            case .image, .video: break
            }
        }
        return .answerResumed(parts, facts)
    }

    /// Keeps a picture beside the session; why it could not be kept.
    private mutating func keep(_ image: PixelImage, _ number: Int, stoppedAfter: Int? = nil) -> String? {
        do {
            let kept = try places.keep(image, number, seed: pictures[number].seed, stoppedAfter: stoppedAfter)
            if let kept { pictures[number].image = kept }
            return nil
        } catch {
            pictures[number].problem = "\(error)"
            return "the picture is shown and not kept: \(error)"
        }
    }

    private func shown(_ number: Int, _ image: PixelImage?, _ note: String) -> Action? {
        places.shown(number, image, seed: pictures[number].seed, note)
    }
}

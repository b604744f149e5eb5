import Foundation
import Generation
import Models
import Screen

/// What is told of drawn pictures: in the pictures themselves, on standard error, and with `draw --json`.
struct DrawReport {
    let prompt: String
    /// As `--box` takes them.
    let boxes: [String]
    let request: DiffusionDecoder.Request
    let model: ModelDescription
    let loadSeconds: Double
    var conditionSeconds = 0.0
    private var pictures: [Content.Picture] = []
    /// Where the last picture is, or would be.
    private var lastPath = ""

    init(
        prompt: String, boxes: [String], request: DiffusionDecoder.Request, model: ModelDescription,
        loadSeconds: Double
    ) {
        (self.prompt, self.boxes, self.request) = (prompt, boxes, request)
        (self.model, self.loadSeconds) = (model, loadSeconds)
    }

    mutating func add(path: String, seed: UInt64, seconds: Double, isWithheld: Bool) {
        lastPath = path
        pictures.append(
            Content.Picture(path: isWithheld ? nil : path, seed: seed, seconds: seconds, withheld: isWithheld))
    }

    /// Whether a picture was not written, since the model's safety checker lets nobody see it.
    var hasWithheld: Bool { pictures.contains(where: \.withheld) }

    /// By what the picture can be drawn again.
    func texts(seed: UInt64) -> [(keyword: String, text: String)] {
        Self.texts(
            prompt: prompt, seed: seed, steps: request.steps, guidance: request.guidance, model: model.name)
            + boxes.map { ("box", $0) }
    }

    /// What a drawn picture says of itself.
    static func texts(
        prompt: String, seed: UInt64, steps: Int, guidance: Float, model: String
    ) -> [(keyword: String, text: String)] {
        [
            ("prompt", prompt), ("seed", "\(seed)"), ("steps", "\(steps)"), ("guidance", "\(guidance)"),
            ("model", model), ("Software", "emuchat \(emuchatVersion)"),
        ]
    }

    /// One line about the last picture.
    var lastLine: String {
        guard let last = pictures.last else { return "" }
        let path = SanitizedText.clean(lastPath, newlines: .joined)
        if last.withheld {
            return "\(path): not written: the model's safety checker withheld the picture (seed \(last.seed)). "
                + "\(WithheldPictures.remedy)."
        }
        return "\(path): \(request.width)x\(request.height), "
            + "seed \(last.seed), \(request.steps) steps, \(String(format: "%.1f", last.seconds)) s"
    }

    /// What becomes JSON with the keys that the command promises.
    func content(digest: String) -> some Encodable {
        Content(
            prompt: prompt, boxes: boxes, width: request.width, height: request.height, steps: request.steps,
            guidance: request.guidance, model: model.path, model_sha256: digest, pictures: pictures,
            seconds: Content.Seconds(load: loadSeconds, condition: conditionSeconds), kernel: model.kernel,
            precision: model.precision)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let prompt: String
        let boxes: [String]
        let width: Int
        let height: Int
        let steps: Int
        let guidance: Float
        let model: String
        let model_sha256: String
        let pictures: [Picture]
        let seconds: Seconds
        let kernel: String
        let precision: String

        struct Picture: Encodable {
            /// Nil for one that is withheld.
            let path: String?
            let seed: UInt64
            let seconds: Double
            let withheld: Bool
        }

        struct Seconds: Encodable {
            let load: Double
            let condition: Double
        }
    }
}

import ModelFiles
import Models
import Tensor

/// What drawing a picture takes from memory, against what there is, and what makes room for what.
///
/// The model that predicts a picture's embeddings and the networks that draw it are never needed at once, nor are the
/// UNet and the autoencoder: where not all of them fit, each is given back before the next one is read.
package struct DrawingMemoryPlan: Sendable, Equatable {
    /// Bytes of weights, in one copy.
    package let languageModel: Int
    package let unet: Int
    package let others: Int
    /// Bytes of activations of a step, and of the decoding.
    package let step: Int
    package let decoding: Int
    /// Bytes that this process may take for all of it; nil when the system does not tell.
    package let available: Int?
    package let request: DiffusionDecoder.Request
    /// A smaller picture of the same shape that fits; nil where there is none, or none is needed.
    package let smallerSize: DiffusionDecoder.Request?
    /// Whether the language model's weights stay in memory while a picture is drawn.
    package let keepsLanguageModel: Bool
    /// Whether the UNet's stay while latents are decoded.
    package let keepsUNet: Bool

    /// The plan for a decoder's weights beside those of a language model. `available` counts what of them is there already.
    package init(
        languageModel: Int, decoder: DiffusionDecoder, weights: (unet: Int, others: Int),
        request: DiffusionDecoder.Request, available: Int?
    ) {
        let workspace = decoder.workspaceBytes(request)
        self.init(
            languageModel: languageModel, weights: weights, workspace: workspace, request: request,
            available: available, smallerSize: nil)
        guard !fits else { return }
        var smaller = request
        // In steps that stay multiples of what the decoder needs.
        for eighths in stride(from: 7, through: 1, by: -1) {
            (smaller.width, smaller.height) = (request.width * eighths / 8, request.height * eighths / 8)
            smaller.width -= smaller.width % decoder.sizeStep
            smaller.height -= smaller.height % decoder.sizeStep
            guard decoder.allows(smaller) else { break }
            let plan = DrawingMemoryPlan(
                languageModel: languageModel, weights: weights, workspace: decoder.workspaceBytes(smaller),
                request: smaller, available: available, smallerSize: nil)
            guard plan.fits else { continue }
            self.init(
                languageModel: languageModel, weights: weights, workspace: workspace, request: request,
                available: available, smallerSize: smaller)
            return
        }
    }

    init(
        languageModel: Int, weights: (unet: Int, others: Int), workspace: (step: Int, decoding: Int),
        request: DiffusionDecoder.Request, available: Int?, smallerSize: DiffusionDecoder.Request?
    ) {
        (self.languageModel, unet, others) = (languageModel, weights.unet, weights.others)
        (step, decoding) = (workspace.step, workspace.decoding)
        (self.request, self.available, self.smallerSize) = (request, available, smallerSize)
        // What costs least first: a UNet is read again in seconds, and only for a further picture.
        let courses = [(true, true), (true, false), (false, true), (false, false)]
        let needs = courses.map { course in
            Self.need(languageModel, weights, workspace, keepsLanguageModel: course.0, keepsUNet: course.1)
        }
        let chosen = zip(courses, needs).first { _, need in available.map { need <= $0 } ?? true }?.0
        (keepsLanguageModel, keepsUNet) = chosen ?? (false, false)
    }

    private static func need(
        _ languageModel: Int, _ weights: (unet: Int, others: Int), _ workspace: (step: Int, decoding: Int),
        keepsLanguageModel: Bool, keepsUNet: Bool
    ) -> Int {
        let drawing = MemoryPlan.sum(MemoryPlan.sum(weights.unet, weights.others), workspace.step)
        let decoding = MemoryPlan.sum(keepsUNet ? weights.unet : 0, MemoryPlan.sum(weights.others, workspace.decoding))
        let most = max(drawing, decoding)
        return keepsLanguageModel ? MemoryPlan.sum(languageModel, most) : most
    }

    /// Bytes that drawing takes at once as it is planned, the language model's included where that stays.
    package var total: Int {
        Self.need(
            languageModel, (unet, others), (step, decoding), keepsLanguageModel: keepsLanguageModel,
            keepsUNet: keepsUNet)
    }

    /// Whether the picture can be drawn at all; true when nothing is known of the memory.
    package var fits: Bool { available.map { total <= $0 } ?? true }

    /// One line for people: what is needed, what there is, and what would fit.
    var refusal: String {
        let spelled = MemoryPlan.spelled
        let remedy =
            smallerSize.map { "What fits: a picture of \($0.width)x\($0.height)" }
            ?? "Convert the model to smaller weights (emuchat convert --type q4_0)"
        return
            "drawing \(request.width)x\(request.height) needs \(spelled(total)), \(spelled(available ?? 0)) are free "
            + "(weights \(spelled(unet + others)), workspace \(spelled(max(step, decoding)))). \(remedy). "
            + "Or draw it all the same: --ignore-memory."
    }
}

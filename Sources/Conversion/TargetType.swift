import Models
import Tensor

/// What weights can be converted to.
// swift-format-ignore: AlwaysUseLowerCamelCase
package enum TargetType: String, Sendable, CaseIterable {
    case f32
    case f16
    case q8_0
    case q4_0
    case q4_k

    /// The type of a GGUF.
    package var storage: GGMLType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        case .q4_k: .q4_K
        }
    }

    /// The number by which GGUF files tell the type of most weights. Source: `enum llama_ftype` of llama.cpp.
    var fileType: UInt32 {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q8_0: 7
        case .q4_k: 14
        }
    }

    /// How a tensor is stored: vectors and positions, which are small and added, as F32; rows that are not whole blocks
    /// as F16. Shapes have the innermost dimension first.
    ///
    /// In a file of Q8_0 the visual encoder stays F16, as is usual for encoders: its residual stream is never normalised,
    /// so that rounding there costs more than in the whole decoder (on a small model half of the divergence). Smaller
    /// types are chosen for their size and take it along. The autoencoder that turns latents into pixels stays F16 in all
    /// of them: it is small, and its rounding is seen. So does the safety checker, whose scores are held against
    /// thresholds; the concepts, a few dozen rows, are F32.
    package func storage(of name: String, shape: [Int]) -> GGMLType {
        if shape.count < 2 || name.hasSuffix("position_embd.weight") || Self.isConcept(name) { return .f32 }
        if !fits(shape) || keepsAsHalf(name) { return .f16 }
        return storage
    }

    /// Whether rows are whole blocks.
    func fits(_ shape: [Int]) -> Bool { storage.rowBytes(columns: shape.first ?? 1) != nil }

    /// Whether a tensor stays F16 though its rows are whole blocks.
    func keepsAsHalf(_ name: String) -> Bool {
        (self == .q8_0 && name.hasPrefix("v."))
            || (storage.blockSize > 1 && ["vae.", SafetyChecker.prefix].contains(where: name.hasPrefix))
    }

    private static func isConcept(_ name: String) -> Bool {
        name.hasPrefix(SafetyChecker.prefix) && name.hasSuffix("_embeds")
    }
}

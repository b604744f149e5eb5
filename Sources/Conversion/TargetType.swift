import Tensor

/// What weights can be converted to.
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
    package func storage(of name: String, shape: [Int]) -> GGMLType {
        if shape.count < 2 || name.hasSuffix("position_embd.weight") { return .f32 }
        return storage.rowBytes(columns: shape[0]) == nil ? .f16 : storage
    }
}

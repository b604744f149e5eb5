import Tensor

/// The element types of checkpoints. Raw values are their names in a safetensors header.
package enum ElementType: String, Sendable, CaseIterable {
    case f64 = "F64"
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case i64 = "I64"
    case i32 = "I32"
    case i16 = "I16"
    case i8 = "I8"
    case u64 = "U64"
    case u32 = "U32"
    case u16 = "U16"
    case u8 = "U8"
    case bool = "BOOL"
    case f8e4m3 = "F8_E4M3"
    case f8e5m2 = "F8_E5M2"

    /// Bytes per element.
    package var size: Int {
        switch self {
        case .f64, .i64, .u64: 8
        case .f32, .i32, .u32: 4
        case .f16, .bf16, .i16, .u16: 2
        case .i8, .u8, .bool, .f8e4m3, .f8e5m2: 1
        }
    }

    /// The same type of a GGUF file, where it has one.
    package var storageType: GGMLType? {
        switch self {
        case .f64: .f64
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        case .i64: .i64
        case .i32: .i32
        case .i16: .i16
        case .i8: .i8
        case .u64, .u32, .u16, .u8, .bool, .f8e4m3, .f8e5m2: nil
        }
    }
}

/// A tensor of a checkpoint where it lies in the mapping.
package struct CheckpointTensor: Sendable {
    package let type: ElementType
    /// Outermost dimension first, as PyTorch has it; none for a scalar.
    package let shape: [Int]
    /// Little-endian elements, row-major; perhaps not aligned; valid while this value or its file lives.
    package nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` valid.
    let mapping: MappedFile

    /// The path of the file that it lies in.
    package var path: String { mapping.path }

    init(type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, mapping: MappedFile) {
        self.type = type
        self.shape = shape
        self.bytes = bytes
        self.mapping = mapping
    }
}

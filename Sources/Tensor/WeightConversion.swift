import CKernels

/// Storing weights as another type.
package enum WeightConversion {
    /// Whether weights can be stored as this type: F32, F16, Q8_0, Q4_0 or Q4_K.
    package static func canStore(_ type: GGMLType) -> Bool { emu_can_convert_to(type.rawValue) }

    /// Stores weights as another type; the same bytes on every CPU.
    ///
    /// False when a weight is no finite number or does not fit the type, when the buffers do not hold the same number of
    /// whole blocks, or when a type is not supported; `out` is then of no use.
    package static func convert(
        _ bytes: UnsafeRawBufferPointer, from: GGMLType, to: GGMLType, into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard bytes.count % from.blockBytes == 0, let source = bytes.baseAddress, let target = out.baseAddress else {
            return bytes.isEmpty && out.isEmpty
        }
        let count = bytes.count / from.blockBytes * from.blockSize
        guard to.rowBytes(columns: count) == out.count else { return false }
        return emu_convert_weights(from.rawValue, source, to.rawValue, target, count)
    }
}

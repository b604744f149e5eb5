import CKernels

/// A matrix of weights where it lies in a mapped file: `rows` outputs by `columns` inputs, in any supported type.
package struct WeightMatrix: @unchecked Sendable {
    // Sendable: the bytes are never written, and `owner` keeps them valid.
    package let rows: Int
    package let columns: Int
    package let type: GGMLType
    let bytes: UnsafeRawPointer
    let rowBytes: Int
    private let owner: AnyObject & Sendable

    /// Refers to `bytes`, which must hold exactly `rows` rows and live as long as `owner`; nil when they do not or the
    /// kernels cannot compute with the type.
    package init?(rows: Int, columns: Int, type: GGMLType, bytes: UnsafeRawBufferPointer, owner: AnyObject & Sendable) {
        guard rows > 0, columns > 0, Self.supports(type), let rowBytes = type.rowBytes(columns: columns),
            let base = bytes.baseAddress
        else { return nil }
        let (total, overflow) = rowBytes.multipliedReportingOverflow(by: rows)
        guard !overflow, total == bytes.count else { return nil }
        self.rows = rows
        self.columns = columns
        self.type = type
        self.bytes = base
        self.rowBytes = rowBytes
        self.owner = owner
    }

    /// Some of the rows as a matrix of their own; they must exist.
    package func rows(_ range: Range<Int>) -> WeightMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows && !range.isEmpty, "rows outside the matrix")
        return WeightMatrix(self, range)
    }

    private init(_ other: WeightMatrix, _ range: Range<Int>) {
        (rows, columns, type) = (range.count, other.columns, other.type)
        (bytes, rowBytes) = (other.bytes + range.lowerBound * other.rowBytes, other.rowBytes)
        owner = other.owner
    }

    /// Whether the kernels can compute with a type.
    package static func supports(_ type: GGMLType) -> Bool {
        emu_type_supported(type.rawValue)
    }

    /// Widens one row into `out[columns]`; the row must exist.
    package func widenRow(_ row: Int, into out: UnsafeMutablePointer<Float>) {
        precondition(row >= 0 && row < rows, "row outside the matrix")
        emu_dequantize(type.rawValue, bytes + row * rowBytes, out, columns)
    }

    /// out[N, rows] = x[N, columns] · selfᵀ.
    package func multiply(
        _ x: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>? = nil,
        pool: ThreadPool
    ) {
        emu_matmul(pool.handle, type.rawValue, bytes, rowBytes, bias, rows, columns, x, count, out)
    }
}

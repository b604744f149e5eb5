import CKernels

/// A matrix of weights where it lies in a mapped file: `rows` outputs by `columns` inputs, in any supported type; in
/// fast precision packed beside.
package struct WeightMatrix: @unchecked Sendable {
    // Sendable: the bytes are never written, and `owner` keeps them valid.
    package let rows: Int
    package let columns: Int
    package let type: GGMLType
    let bytes: UnsafeRawPointer
    let rowBytes: Int
    private let owner: AnyObject & Sendable
    /// The same weights for products in fast precision; nil where these are computed exactly.
    private var packed: PackedWeights?
    /// Whether products in fast precision may round in another way where there are many rows of activations.
    private var mayWiden = false

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
        mayWiden = other.mayWiden
        owner = other.owner
        packed = other.packed.flatMap { (packed) -> PackedWeights? in
            let offset = emu_packed_offset(type.rawValue, range.lowerBound, columns)
            // Rows that begin within a panel are computed exactly.
            return offset < 0 ? nil : PackedWeights(bytes: packed.bytes + Int(offset), owner: packed.owner)
        }
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
        Self.multiply(x, count: count, [Product(matrix: self, bias: bias, out: out)], pool: pool)
    }

    // MARK: Several at once

    /// One of several products with the same activations.
    package struct Product {
        let matrix: WeightMatrix
        let scale: UnsafePointer<Float>?
        let bias: UnsafePointer<Float>?
        let out: UnsafeMutablePointer<Float>

        /// out[N, rows] = x · matrixᵀ · scale[rows] + bias[rows]; without a scale or a bias as if it were 1, or 0.
        package init(
            matrix: WeightMatrix, scale: UnsafePointer<Float>? = nil, bias: UnsafePointer<Float>?,
            out: UnsafeMutablePointer<Float>
        ) {
            self.matrix = matrix
            self.scale = scale
            self.bias = bias
            self.out = out
        }
    }

    /// Products with the same x[N, columns]; packed ones as one loop, so that threads meet once instead of each time.
    package static func multiply(
        _ x: UnsafePointer<Float>, count: Int, _ products: [Product], pool: ThreadPool
    ) {
        guard let columns = products.first?.matrix.columns, count > 0 else { return }
        precondition(products.allSatisfy { $0.matrix.columns == columns }, "products of different widths")
        if products.allSatisfy({ $0.matrix.packed != nil }),
            let scratch = pool.scratch(bytes: emu_packed_scratch_bytes(count, columns))
        {
            let packed = products.map {
                emu_packed_product(
                    type: $0.matrix.type.rawValue, packed: $0.matrix.packed?.bytes, rows: $0.matrix.rows,
                    scale: $0.scale, bias: $0.bias, out: $0.out)
            }
            let mayWiden = products.allSatisfy(\.matrix.mayWiden)
            emu_packed_multiply(pool.handle, packed, packed.count, x, count, columns, mayWiden, scratch)
            return
        }
        for product in products {
            let matrix = product.matrix
            emu_matmul(
                pool.handle, matrix.type.rawValue, matrix.bytes, matrix.rowBytes, product.scale, product.bias,
                matrix.rows, matrix.columns, x, count, product.out)
        }
    }

    /// Whether products are computed from packed weights.
    package var isPacked: Bool { packed != nil }

    /// The matrix for work that always has the same number of rows of activations, which fast precision may then round as
    /// is fastest for that number: a row's bits depend on it. Never for a decoder, whose passes are cut as it comes.
    package func forFixedRows() -> WeightMatrix {
        var copy = self
        copy.mayWiden = true
        return copy
    }

    func packed(_ weights: PackedWeights) -> WeightMatrix {
        var copy = self
        copy.packed = weights
        return copy
    }
}

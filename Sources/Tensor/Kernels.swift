import CKernels

/// Operations over rows of activations. Shapes are written [rows, features]; pointers must be valid for them.
package enum Kernels {
    /// The variant in use: `avx512`, `avx2` or `plain`.
    package static var variantName: String { String(cString: emu_kernel_name()) }

    /// The variant that computes with packed weights: `avx512-amx`, `avx512-vnni`, `avx2` or `plain`.
    package static var packedVariantName: String { String(cString: emu_packed_kernel_name()) }

    /// Whether products for fixed rows, in fast precision, round to bf16 where there are many.
    package static var widensFixedRows: Bool { emu_packed_widens() }

    /// What EMUCHAT_KERNEL must be for a variant of this name, of either precision; nil where the CPU lacks it.
    package static func level(ofVariant name: String) -> String? {
        let level = ["avx512-amx": "amx", "avx512-vnni": "avx512"][name] ?? name
        return emu_kernel_available(level) ? level : nil
    }

    /// Runs a body once with each variant that this CPU has, which the body's own calls use and no other thread's.
    /// For tests: all variants must give the same bits.
    package static func withEachVariant(_ body: (String) throws -> Void) rethrows {
        defer { _ = emu_kernel_use(nil) }
        for variant in ["plain", "avx2", "avx512", "amx"] where emu_kernel_use(variant) { try body(variant) }
    }

    /// The weights of one row or vector as fp32.
    package static func widen(type: GGMLType, bytes: UnsafeRawBufferPointer, count: Int) -> [Float]? {
        guard emu_type_supported(type.rawValue), type.rowBytes(columns: count) == bytes.count, count > 0,
            let base = bytes.baseAddress
        else { return nil }
        return Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            if let out = buffer.baseAddress {
                emu_dequantize(type.rawValue, base, out, count)
                initialized = count
            }
        }
    }

    /// out[N, K] = x / sqrt(mean(x²) + epsilon) · weight.
    package static func rmsNorm(
        _ x: UnsafePointer<Float>, weight: [Float], epsilon: Float, rows: Int, into out: UnsafeMutablePointer<Float>,
        pool: ThreadPool
    ) {
        emu_rms_norm(pool.handle, x, weight, epsilon, rows, weight.count, out)
    }

    /// out[N, K] = (x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias; out may be x.
    package static func layerNorm(
        _ x: UnsafePointer<Float>, weight: [Float], bias: [Float], epsilon: Float, rows: Int,
        into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        precondition(weight.count == bias.count, "a bias for each weight")
        emu_layer_norm(pool.handle, x, weight, bias, epsilon, rows, weight.count, out)
    }

    /// x[N, K] = gelu(x), GELU as it is defined, by the error function.
    package static func gelu(_ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, pool: ThreadPool) {
        emu_gelu(pool.handle, x, rows, columns)
    }

    /// x[N, K] = x · sigmoid(1.702 · x): GELU as CLIP has it.
    package static func quickGELU(_ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, pool: ThreadPool) {
        emu_quick_gelu(pool.handle, x, rows, columns)
    }

    /// Rotates query or key heads x[N, heads, headSize] in place.
    package static func rotate(
        _ x: UnsafeMutablePointer<Float>, rows: Int, heads: Int, headSize: Int, angles: RotaryAngles, pool: ThreadPool
    ) {
        emu_rope(
            pool.handle, x, rows, heads, headSize, angles.rotatedFeatures, angles.layout == .halfSplit, angles.cosine,
            angles.sine)
    }

    /// gate[N, K] = silu(gate) · up.
    package static func siluMultiply(
        _ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, rows: Int, columns: Int, pool: ThreadPool
    ) {
        emu_silu_multiply(pool.handle, gate, up, rows, columns)
    }

    /// The largest head that attention takes.
    package static let maximumHeadSize = Int(EMU_MAX_HEAD_SIZE)

    /// Whether a cache of this type, with heads of this size, can be attended to.
    package static func supportsCache(_ type: GGMLType, headSize: Int) -> Bool {
        emu_cache_type_supported(type.rawValue) && headSize <= maximumHeadSize && headSize % type.blockSize == 0
    }

    /// Narrows `count` values, whole blocks, to a type that a cache may have.
    package static func narrow(
        _ values: UnsafePointer<Float>, count: Int, to type: GGMLType, into out: UnsafeMutableRawPointer
    ) {
        emu_quantize(type.rawValue, values, out, count)
    }

    /// gate[N, K] = gelu(gate) · up, GELU in its tanh form.
    package static func geluMultiply(
        _ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, rows: Int, columns: Int, pool: ThreadPool
    ) {
        emu_gelu_multiply(pool.handle, gate, up, rows, columns)
    }

    /// x[N, K] = cap · tanh(x / cap).
    package static func softCap(
        _ x: UnsafeMutablePointer<Float>, cap: Float, rows: Int, columns: Int, pool: ThreadPool
    ) {
        emu_soft_cap(pool.handle, x, cap, rows, columns)
    }

    /// x *= factor.
    package static func scale(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        emu_scale(x, factor, count)
    }

    /// x += y.
    package static func add(_ x: UnsafeMutablePointer<Float>, _ y: UnsafePointer<Float>, count: Int) {
        emu_add(x, y, count)
    }

    /// ln Σ exp(x), within 1e-6; NaN when one of them is NaN, infinite when the greatest is.
    package static func logSumExp(_ x: UnsafePointer<Float>, count: Int) -> Double {
        emu_log_sum_exp(x, count)
    }

    /// weights = exp((x - max x) / temperature), [count] each; returns their sum.
    ///
    /// NaN when one of them is NaN or the greatest is infinite; `weights` are then left alone. None is below exp(-87).
    package static func softmaxWeights(
        _ x: UnsafePointer<Float>, count: Int, temperature: Float, into weights: UnsafeMutablePointer<Float>
    ) -> Double {
        emu_softmax_weights(x, count, temperature, weights)
    }
}

/// How the engine computes.
package enum Precision: String, Sendable, CaseIterable {
    /// fp32 arithmetic over the weights' exact values.
    case exact
    /// Packed weights, activations narrowed to 8 bits (bf16 for weights in 16), attention in one pass.
    case fast

    /// How keys and values are kept where nothing is said.
    package var usualCacheType: GGMLType {
        switch self {
        case .exact: .f32
        case .fast: .f16
        }
    }

    /// The kernels that compute so on this CPU.
    package var kernelName: String {
        switch self {
        case .exact: Kernels.variantName
        case .fast: Kernels.packedVariantName
        }
    }
}

/// Causal attention's operands beside the cache.
package struct AttentionShape: Sendable {
    /// Query heads, key-value heads (a divisor of them), features of a head.
    package let heads: Int
    package let keyValueHeads: Int
    package let headSize: Int
    /// What the products of queries and keys are multiplied by.
    package let scale: Float

    /// A nil scale is 1 / √headSize.
    package init(heads: Int, keyValueHeads: Int, headSize: Int, scale: Float? = nil) {
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.scale = scale ?? 1 / Float(headSize).squareRoot()
    }

    /// out[N, heads, headSize] for queries of that shape; row i sees the cache slots `slots[i][0..<lengths[i]]`.
    ///
    /// keys, values: [slot, keyValueHeads, headSize] of `cacheType`, `headBytes` a head;
    /// scratch: `pool.threadCount · max(lengths)` floats.
    package func attend(
        queries: UnsafePointer<Float>, keys: UnsafeRawPointer, values: UnsafeRawPointer, cacheType: GGMLType,
        headBytes: Int, slots: [UnsafePointer<Int32>?], lengths: [Int32], scratch: FloatBuffer,
        into out: UnsafeMutablePointer<Float>, precision: Precision = .exact, pool: ThreadPool
    ) {
        let longest = Int(lengths.max() ?? 0)
        precondition(scratch.count >= longest * pool.threadCount, "attention scratch too small")
        if precision == .fast, emu_fused_attention_supported(heads, keyValueHeads, headSize),
            let parts = pool.scratch(
                bytes: emu_fused_attention_scratch_bytes(
                    Int32(pool.threadCount), lengths, lengths.count, heads, keyValueHeads, headSize))
        {
            emu_fused_attention(
                pool.handle, queries, cacheType.rawValue, keys, values, headBytes, slots, lengths, lengths.count,
                heads, keyValueHeads, headSize, scale, parts, out)
            return
        }
        emu_attention(
            pool.handle, queries, cacheType.rawValue, keys, values, headBytes, slots, lengths, lengths.count, heads,
            keyValueHeads, headSize, scale, longest, scratch.pointer, out)
    }
}

import Tensor

/// Random weights, straight in the form of a type: as many bytes a second as the memory takes.
///
/// A unit of a tensor is made from the seed, the tensor's number and the unit's number alone, so that neither threads
/// nor pieces change a byte.
struct SyntheticWeights: Sendable {
    let seed: UInt64
    let tensor: Int
    let type: GGMLType
    /// About the standard deviation of the weights.
    let deviation: Float
    /// Norms lie near 1, everything else near 0.
    var isNorm = false

    /// Types that can be made.
    static let types: [GGMLType] = [.f32, .f16, .bf16, .q8_0, .q4_0, .q4_K]

    /// Weights of a unit: whole blocks of every type.
    private static let unit = 4096

    /// Fills `out` with the weights from `first` on; both must be whole blocks.
    func fill(first: Int, into out: UnsafeMutableRawBufferPointer) {
        guard var cursor = out.baseAddress else { return }
        var at = first
        let end = first + out.count / type.blockBytes * type.blockSize
        while at < end {
            let unit = at / Self.unit
            let last = min(end, (unit + 1) * Self.unit)
            var random = Stream(seed: seed, tensor: tensor, unit: unit)
            // A unit that does not begin here is made from its beginning all the same, and that part left out.
            let skipped = (at - unit * Self.unit) / type.blockSize
            fill(blocks: (last - unit * Self.unit) / type.blockSize, skipping: skipped, &random, cursor)
            cursor += (last - at) / type.blockSize * type.blockBytes
            at = last
        }
    }

    private func fill(blocks: Int, skipping: Int, _ random: inout Stream, _ out: UnsafeMutableRawPointer) {
        switch type {
        case .f32:
            // Uniform, with the deviation asked for.
            let factor = deviation * 1.7320508 / 8_388_608
            for block in 0..<blocks {
                let value = Float(Int32(truncatingIfNeeded: random.next() >> 32) >> 8) * factor + (isNorm ? 1 : 0)
                if block >= skipping {
                    out.storeBytes(of: value, toByteOffset: 4 * (block - skipping), as: Float.self)
                }
            }
        case .f16: fillHalves(blocks, skipping, &random, out, mantissaBits: 10, bias: 15)
        case .bf16: fillHalves(blocks, skipping, &random, out, mantissaBits: 7, bias: 127)
        case .q8_0: fillBlocks(blocks, skipping, &random, out, head: halves([deviation / 73.9]))
        case .q4_0: fillBlocks(blocks, skipping, &random, out, head: halves([deviation / 4.61]))
        case .q4_K:
            // All groups have scale and minimum 32, which lie in these bytes; the minimum is half the range.
            let step = deviation / 4.61 / 32
            let scales: [UInt8] = [160, 160, 160, 160, 160, 160, 160, 160, 0, 0, 0, 0]
            fillBlocks(blocks, skipping, &random, out, head: halves([step, 7.5 * step]) + scales)
        default: preconditionFailure("a type that cannot be made")
        }
    }

    /// Numbers of one exponent: random signs and mantissas.
    private func fillHalves(
        _ count: Int, _ skipping: Int, _ random: inout Stream, _ out: UnsafeMutableRawPointer, mantissaBits: UInt16,
        bias: Int
    ) {
        // Magnitudes from 2^e to 2^(e+1) have about 1.5 times 2^e as their deviation.
        let exponent = UInt16(clamping: Int((deviation / 1.5).exponent) + bias)
        let mantissa = UInt16(1) << mantissaBits - 1
        let kept = isNorm ? mantissa >> 5 : 0x8000 | mantissa
        let fixed = (isNorm ? UInt16(bias) : max(1, exponent)) << mantissaBits
        for number in 0..<count {
            let bits = UInt16(truncatingIfNeeded: random.next() >> 48) & kept | fixed
            if number >= skipping {
                out.storeBytes(of: bits, toByteOffset: 2 * (number - skipping), as: UInt16.self)
            }
        }
    }

    /// Blocks of a fixed head and random quants.
    private func fillBlocks(
        _ blocks: Int, _ skipping: Int, _ random: inout Stream, _ out: UnsafeMutableRawPointer, head: [UInt8]
    ) {
        let words = (type.blockBytes - head.count) / 8
        head.withUnsafeBytes { head in
            guard let headBytes = head.baseAddress else { return }
            for block in 0..<blocks {
                guard block >= skipping else {
                    for _ in 0..<words { _ = random.next() }
                    continue
                }
                let place = out + (block - skipping) * type.blockBytes
                place.copyMemory(from: headBytes, byteCount: head.count)
                for word in 0..<words {
                    place.storeBytes(of: random.next(), toByteOffset: head.count + 8 * word, as: UInt64.self)
                }
            }
        }
    }

    private func halves(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) } }
    }

    /// SplitMix64 (Steele, Lea and Flood 2014), begun anew for each unit.
    private struct Stream {
        private var state: UInt64

        init(seed: UInt64, tensor: Int, unit: Int) {
            // Far apart for neighbouring numbers.
            state = Self.mixed(Self.mixed(seed &+ UInt64(tensor)) &+ UInt64(unit))
        }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            return Self.mixed(state)
        }

        private static func mixed(_ value: UInt64) -> UInt64 {
            var value = value
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }
}

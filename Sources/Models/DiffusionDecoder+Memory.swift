import ModelFiles
import Tensor

/// What drawing takes from memory, and how its weights make room for each other.
extension DiffusionDecoder {
    /// Bytes of the weights of the UNet and of the other networks, in one copy: as they lie in the file, or in fast
    /// precision as they are packed from it.
    package static func weightBytes(of file: GGUFFile, precision: Precision) -> (unet: Int, others: Int) {
        var (unet, others) = (0, 0)
        for tensor in file.tensors.values where DiffusionCheckpoint.isPart(tensor.name) {
            let packed =
                precision == .fast && tensor.shape.count > 1
                ? WeightPacker.packedBytes(tensor.type, tensor.shape) : nil
            let bytes = packed ?? tensor.bytes.count
            if tensor.name.hasPrefix(SDXLUNet.prefix) { unet += bytes } else { others += bytes }
        }
        return (unet, others)
    }

    /// Bytes of activations while a step is computed, and while latents are decoded, as near as matters for planning.
    package func workspaceBytes(_ request: Request) -> (step: Int, decoding: Int) {
        let shape = latentShape(request)
        return (
            unet.workspaceBytes(height: shape.height, width: shape.width, count: request.guidance > 1 ? 2 : 1),
            autoencoder.configuration.decodingWorkspaceBytes(height: shape.height, width: shape.width)
        )
    }

    /// Bytes of packed weights that are in memory now.
    package var residentBytes: Int { [unetMemory, otherMemory].reduce(0) { $0 + ($1?.residentBytes ?? 0) } }

    /// Gives the memory of the UNet's weights back until `restoreUNet`.
    package func releaseUNet() {
        unetMemory?.release()
        discard { $0.hasPrefix(SDXLUNet.prefix) }
    }

    /// Reads the UNet's weights again if they were released; false when cancelled.
    package func restoreUNet(
        pool: ThreadPool, isCancelled: () -> Bool, progress: (_ done: Int, _ total: Int) -> Void
    ) -> Bool {
        unetMemory?.restore(pool: pool, isCancelled: isCancelled, progress: progress) ?? true
    }

    /// Gives the file's pages back; they are read again where they are needed.
    package func discardPages() {
        discard(DiffusionCheckpoint.isPart)
    }

    private func discard(_ includes: (String) -> Bool) {
        for tensor in file.tensors.values where includes(tensor.name) { tensor.discard(tensor.bytes) }
    }
}

extension SDXLUNet {
    /// What the names of its tensors begin with.
    static let prefix = "unet."

    /// Bytes of activations for so many pictures: the maps that the way up meets again, and on each level those of a
    /// block.
    fileprivate func workspaceBytes(height: Int, width: Int, count: Int) -> Int {
        var (height, width, kept, most) = (height, width, 0, 0)
        for level in configuration.levels {
            let map = count * height * width * level.channels * MemoryLayout<Float>.stride
            kept += (configuration.blocksPerLevel + 1) * map
            // Two maps side by side, as a block of the way up finds them; norms, branches, queries, keys and values.
            most = max(most, 8 * map)
            (height, width) = ((height + 1) / 2, (width + 1) / 2)
        }
        return kept + most
    }
}

extension AutoencoderKLConfiguration {
    /// Bytes of activations while latents of a size are decoded: on each level the map, what a block makes of it, and
    /// what is added to that.
    func decodingWorkspaceBytes(height: Int, width: Int) -> Int {
        var (positions, inputs, most) = (height * width, channels[channels.count - 1], 0)
        for outputs in channels.reversed() {
            most = max(most, positions * (inputs + 3 * outputs) * MemoryLayout<Float>.stride)
            (positions, inputs) = (4 * positions, outputs)
        }
        return most
    }
}

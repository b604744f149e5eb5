// EVA: "EVA-CLIP: Improved Training Techniques for CLIP at Scale" and "EVA-02: A Visual Representation for Neon
// Genesis". Emu2's encoder ("Generative Multimodal Models are In-Context Learners", section 2.1) is its largest: the
// norms stand behind each branch, inside the residual, and none stands behind the last block.
//
// Letters: P patches, T = 1 + P tokens, W width, H heads, D head size, F feed-forward width, S side in pixels.

import Foundation
import ModelFiles
import Tensor

/// The visual encoder of EVA-CLIP, EVA-02-CLIP and Emu2.
package struct EvaVisionTransformer: Sendable {
    package let configuration: EvaVisionConfiguration
    /// v.patch_embd: [W, 3·p·p]
    private let patchEmbedding: Linear
    /// v.class_embd: [W]
    private let classToken: [Float]
    /// v.position_embd.weight: [T, W]
    private let positions: [Float]
    /// v.blk.0, v.blk.1, …
    private let blocks: [EvaBlock]
    /// v.post_ln: [W]; absent in Emu2.
    private let finalNorm: LayerNorm?
    /// Of the patches; absent in Emu2.
    private let angles: RotaryAngles?

    // MARK: Running

    /// The hidden states behind the last block, [T, W], class token first; nil when cancelled.
    ///
    /// `pixels`: [3, S, S], normalised. `progress` is told the number of blocks done.
    package func hiddenStates(
        pixels: [Float], pool: ThreadPool, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> FloatBuffer? {
        let (side, width) = (configuration.imageSize, configuration.width)
        precondition(pixels.count == 3 * side * side, "pixels of another size than the encoder's")
        let workspace = try EvaWorkspace(configuration, threadCount: pool.threadCount)
        let hidden = workspace.hidden.pointer
        embedPatches(pixels, workspace, pool)
        for feature in 0..<width { hidden[feature] = classToken[feature] }
        positions.withUnsafeBufferPointer { positions in
            if let base = positions.baseAddress { Kernels.add(hidden, base, count: positions.count) }
        }
        for (layer, block) in blocks.enumerated() {
            let isDone = pool.cancellable(isCancelled) { block.apply(workspace, angles: angles, pool: pool) }
            guard isDone else { return nil }
            progress(layer + 1)
        }
        finalNorm?.apply(hidden, rows: workspace.tokenCount, into: hidden, pool: pool)
        return workspace.hidden
    }

    /// hidden[1..., W] = the convolution whose stride is its kernel's side: a product over each patch.
    private func embedPatches(_ pixels: [Float], _ workspace: EvaWorkspace, _ pool: ThreadPool) {
        let (side, patch, grid) = (configuration.imageSize, configuration.patchSize, configuration.gridSide)
        let patches = workspace.patches.pointer  // [P, 3, p, p]
        var at = 0
        for row in 0..<grid {
            for column in 0..<grid {
                for channel in 0..<3 {
                    for line in 0..<patch {
                        let from = (channel * side + row * patch + line) * side + column * patch
                        for index in 0..<patch { patches[at + index] = pixels[from + index] }
                        at += patch
                    }
                }
            }
        }
        patchEmbedding.apply(
            patches, count: grid * grid, into: workspace.hidden.pointer + configuration.width, pool: pool)
    }

    /// Bytes of activations of one pass, as near as matters for planning.
    static func workspaceBytes(_ configuration: EvaVisionConfiguration) -> Int {
        let inner = (configuration.form.isGated ? 2 : 1) * configuration.feedForwardWidth
        let columns = 6 * configuration.width + inner + configuration.patchFeatures
        return configuration.tokenCount * columns * MemoryLayout<Float>.stride
    }

    // MARK: Loading

    /// Takes the weights `v.*`, where they lie; every shape is checked.
    init(_ source: TensorSource, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        self.configuration = configuration
        let (width, patch) = (configuration.width, configuration.patchSize)
        patchEmbedding = try Linear(
            weight: try source.projection(
                "v.patch_embd.weight", rows: width, columns: configuration.patchFeatures,
                shape: [patch, patch, 3, width]),
            bias: try source.vector("v.patch_embd.bias", count: width))
        classToken = try source.values("v.class_embd", shape: [width])
        positions = try source.values("v.position_embd.weight", shape: [width, configuration.tokenCount])
        var blocks = [EvaBlock]()
        for index in 0..<configuration.layerCount {
            blocks.append(try EvaBlock(source, prefix: "v.blk.\(index)", configuration))
        }
        self.blocks = blocks
        finalNorm =
            configuration.form.hasFinalNorm
            ? try LayerNorm(source, "v.post_ln", features: width, epsilon: configuration.normEpsilon) : nil
        angles = configuration.form.rotary.map { Self.angles($0, configuration) }
    }

    /// The rotation of every patch, row by row. Source: `VisionRotaryEmbeddingFast` in `rope.py` of EVA-CLIP.
    private static func angles(
        _ rotary: EvaVisionForm.Rotary, _ configuration: EvaVisionConfiguration
    ) -> RotaryAngles {
        let quarter = configuration.headSize / 4
        return RotaryAngles(
            gridSide: configuration.gridSide, spacing: Double(rotary.gridSide) / Double(configuration.gridSide),
            inverseFrequencies: (0..<quarter).map { pow(rotary.base, -Double($0) / Double(quarter)) },
            layout: .interleaved)
    }
}

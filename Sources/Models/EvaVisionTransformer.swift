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
    /// v.patch_embd, v.class_embd, v.position_embd
    private let patches: PatchEmbedding
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
        let workspace = try EncoderWorkspace(
            configuration.grid, width: configuration.width, heads: configuration.heads,
            feedForwardWidth: configuration.feedForwardWidth, isGated: configuration.form.isGated)
        let hidden = workspace.hidden.pointer
        patches.apply(pixels, workspace, pool: pool)
        for (layer, block) in blocks.enumerated() {
            let isDone = pool.cancellable(isCancelled) { block.apply(workspace, angles: angles, pool: pool) }
            guard isDone else { return nil }
            progress(layer + 1)
        }
        finalNorm?.apply(hidden, rows: workspace.tokenCount, into: hidden, pool: pool)
        return workspace.hidden
    }

    /// Bytes of activations of one pass, as near as matters for planning.
    static func workspaceBytes(_ configuration: EvaVisionConfiguration) -> Int {
        EncoderWorkspace.bytes(
            configuration.grid, width: configuration.width, feedForwardWidth: configuration.feedForwardWidth,
            isGated: configuration.form.isGated)
    }

    // MARK: Loading

    /// Takes the weights `v.*`, where they lie; every shape is checked.
    init(_ source: TensorSource, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        self.configuration = configuration
        source.hasFixedRows = true
        defer { source.hasFixedRows = false }
        patches = try PatchEmbedding(source, configuration.grid, width: configuration.width, hasBias: true)
        var blocks = [EvaBlock]()
        for index in 0..<configuration.layerCount {
            blocks.append(try EvaBlock(source, prefix: "v.blk.\(index)", configuration))
        }
        self.blocks = blocks
        finalNorm =
            configuration.form.hasFinalNorm
            ? try LayerNorm(source, "v.post_ln", features: configuration.width, epsilon: configuration.normEpsilon)
            : nil
        angles = configuration.form.rotary.map { Self.angles($0, configuration) }
    }

    /// The rotation of every patch, row by row. Source: `VisionRotaryEmbeddingFast` in `rope.py` of EVA-CLIP.
    private static func angles(
        _ rotary: EvaVisionForm.Rotary, _ configuration: EvaVisionConfiguration
    ) -> RotaryAngles {
        let quarter = configuration.headSize / 4
        return RotaryAngles(
            gridSide: configuration.grid.side, spacing: Double(rotary.gridSide) / Double(configuration.grid.side),
            inverseFrequencies: (0..<quarter).map { pow(rotary.base, -Double($0) / Double(quarter)) },
            layout: .interleaved)
    }
}

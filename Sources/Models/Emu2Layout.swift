import ModelFiles

/// The sizes that decide which tensors a published Emu2 checkpoint holds, and what shapes they have.
package struct Emu2Sizes: Sendable, Equatable {
    package var imageSize: Int
    package var patchSize: Int
    package var visionWidth: Int
    package var visionLayers: Int
    package var visionFeedForward: Int
    package var width: Int
    package var layers: Int
    package var feedForward: Int
    package var heads: Int
    package var keyValueHeads: Int
    package var vocabulary: Int

    package init(
        imageSize: Int, patchSize: Int, visionWidth: Int, visionLayers: Int, visionFeedForward: Int, width: Int,
        layers: Int, feedForward: Int, heads: Int, keyValueHeads: Int, vocabulary: Int
    ) {
        self.imageSize = imageSize
        self.patchSize = patchSize
        self.visionWidth = visionWidth
        self.visionLayers = visionLayers
        self.visionFeedForward = visionFeedForward
        self.width = width
        self.layers = layers
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.vocabulary = vocabulary
    }

    /// Calls `body` with the native name of every tensor and its shape, outermost dimension first.
    ///
    /// `rotary_emb.inv_freq`, which some files carry, is none of them. Source: the modules of `eva_vit.py` and `emu.py`.
    package func forEachTensor<Failure: Error>(
        _ body: (_ name: String, _ shape: [Int]) throws(Failure) -> Void
    ) throws(Failure) {
        let (inner, grid) = (visionWidth, imageSize / patchSize)
        try body("visual.cls_token", [1, 1, inner])
        try body("visual.pos_embed", [1, 1 + grid * grid, inner])
        try body("visual.patch_embed.proj.weight", [inner, 3, patchSize, patchSize])
        try body("visual.patch_embed.proj.bias", [inner])
        for index in 0..<visionLayers {
            let block = "visual.blocks.\(index)"
            for norm in ["norm1", "norm2"] {
                try body("\(block).\(norm).weight", [inner])
                try body("\(block).\(norm).bias", [inner])
            }
            try body("\(block).attn.qkv.weight", [3 * inner, inner])
            try body("\(block).attn.q_bias", [inner])
            try body("\(block).attn.v_bias", [inner])
            try body("\(block).attn.proj.weight", [inner, inner])
            try body("\(block).attn.proj.bias", [inner])
            try body("\(block).mlp.fc1.weight", [visionFeedForward, inner])
            try body("\(block).mlp.fc1.bias", [visionFeedForward])
            try body("\(block).mlp.fc2.weight", [inner, visionFeedForward])
            try body("\(block).mlp.fc2.bias", [inner])
        }
        try body("project_up.weight", [width, inner])
        try body("project_down.weight", [inner, width])
        try body("decoder.lm.model.embed_tokens.weight", [vocabulary, width])
        let groupWidth = width / heads * keyValueHeads
        for index in 0..<layers {
            let layer = "decoder.lm.model.layers.\(index)"
            try body("\(layer).input_layernorm.weight", [width])
            try body("\(layer).self_attn.q_proj.weight", [width, width])
            try body("\(layer).self_attn.k_proj.weight", [groupWidth, width])
            try body("\(layer).self_attn.v_proj.weight", [groupWidth, width])
            try body("\(layer).self_attn.o_proj.weight", [width, width])
            try body("\(layer).post_attention_layernorm.weight", [width])
            try body("\(layer).mlp.gate_proj.weight", [feedForward, width])
            try body("\(layer).mlp.up_proj.weight", [feedForward, width])
            try body("\(layer).mlp.down_proj.weight", [width, feedForward])
        }
        try body("decoder.lm.model.norm.weight", [width])
        try body("decoder.lm.lm_head.weight", [vocabulary, width])
    }

    /// All tensors: native name, own name, published shape.
    package var tensors: [(name: String, ownName: String, shape: [Int])] {
        var tensors: [(name: String, ownName: String, shape: [Int])] = []
        forEachTensor { name, shape in
            if let own = Emu2TensorNames.own(name) { tensors.append((name, own, shape)) }
        }
        return tensors
    }

    /// A published shape as a GGUF has it: innermost dimension first, without the leading ones of parameters that
    /// PyTorch broadcasts.
    package static func ownShape(_ name: String, _ published: [Int]) -> [Int] {
        switch name {
        case "visual.cls_token": Array(published.suffix(1))
        case "visual.pos_embed": published.suffix(2).reversed()
        default: published.reversed()
        }
    }
}

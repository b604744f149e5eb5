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
    package var visionForm: EvaVisionForm

    package init(
        imageSize: Int, patchSize: Int, visionWidth: Int, visionLayers: Int, visionFeedForward: Int, width: Int,
        layers: Int, feedForward: Int, heads: Int, keyValueHeads: Int, vocabulary: Int,
        visionForm: EvaVisionForm = EvaVisionForm()
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
        self.visionForm = visionForm
    }

    /// Calls `body` with the native name of every tensor and its shape, outermost dimension first.
    ///
    /// What some files carry beside them, such as `rotary_emb.inv_freq`, is none of them. Sources: the modules of
    /// `eva_vit.py` and `emu.py`; for the forms that Emu2's encoder has not, `eva_vit_model.py` of EVA-CLIP.
    package func forEachTensor<Failure: Error>(
        _ body: (_ name: String, _ shape: [Int]) throws(Failure) -> Void
    ) throws(Failure) {
        let (inner, grid) = (visionWidth, imageSize / patchSize)
        try body("visual.cls_token", [1, 1, inner])
        try body("visual.pos_embed", [1, 1 + grid * grid, inner])
        try body("visual.patch_embed.proj.weight", [inner, 3, patchSize, patchSize])
        try body("visual.patch_embed.proj.bias", [inner])
        for index in 0..<visionLayers { try forEachTensor(ofVisionBlock: "visual.blocks.\(index)", body) }
        if visionForm.hasFinalNorm {
            try body("visual.norm.weight", [inner])
            try body("visual.norm.bias", [inner])
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

    private func forEachTensor<Failure: Error>(
        ofVisionBlock block: String, _ body: (_ name: String, _ shape: [Int]) throws(Failure) -> Void
    ) throws(Failure) {
        let (width, inner) = (visionWidth, visionFeedForward)
        func withBias(_ name: String, _ shape: [Int]) throws(Failure) {
            try body("\(block).\(name).weight", shape)
            try body("\(block).\(name).bias", Array(shape.prefix(1)))
        }
        for norm in ["norm1", "norm2"] { try withBias(norm, [width]) }
        if visionForm.hasSubNorms {
            for part in ["q", "k", "v"] { try body("\(block).attn.\(part)_proj.weight", [width, width]) }
        } else {
            try body("\(block).attn.qkv.weight", [3 * width, width])
        }
        if visionForm.hasQueryValueBias {
            for part in ["q", "v"] { try body("\(block).attn.\(part)_bias", [width]) }
        }
        if visionForm.hasSubNorms { try withBias("attn.inner_attn_ln", [width]) }
        try withBias("attn.proj", [width, width])
        for layer in visionForm.isGated ? ["w1", "w2"] : ["fc1"] { try withBias("mlp.\(layer)", [inner, width]) }
        if visionForm.hasSubNorms { try withBias("mlp.ffn_ln", [inner]) }
        try withBias(visionForm.isGated ? "mlp.w3" : "mlp.fc2", [width, inner])
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

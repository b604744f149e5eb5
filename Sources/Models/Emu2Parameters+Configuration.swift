import ModelFiles

/// `config.json` of a published Emu2 checkpoint. What is not listed changes nothing here or has only one value.
// swift-format-ignore: AlwaysUseLowerCamelCase
package struct Emu2ConfigurationFile: Codable {
    // The names are the file's.
    struct Vision: Codable {
        let image_size: Int
        let patch_size: Int
        let width: Int
        let layers: Int
        let head_width: Int
        let mlp_ratio: Double
        let layer_norm_eps: Float
        let n_query: Int
        let v_query: Int
        let postnorm: Bool?
        let qkv_bias: Bool?
        let rope: Bool?
        let subln: Bool?
        let naiveswiglu: Bool?
        let pt_hw_seq_len: Int?
        let intp_freq: Bool?
    }

    let hidden_size: Int
    let intermediate_size: Int
    let num_hidden_layers: Int
    let num_attention_heads: Int
    let num_key_value_heads: Int?
    let max_position_embeddings: Int
    let rms_norm_eps: Float
    let rope_theta: Float?
    let hidden_act: String?
    let tie_word_embeddings: Bool?
    let model_version: String?
    let vision_config: Vision

    /// The file that says these parameters.
    package init(_ parameters: Emu2Parameters) {
        let (sizes, form) = (parameters.sizes, parameters.sizes.visionForm)
        hidden_size = sizes.width
        intermediate_size = sizes.feedForward
        num_hidden_layers = sizes.layers
        num_attention_heads = sizes.heads
        num_key_value_heads = sizes.keyValueHeads
        max_position_embeddings = parameters.contextLength
        rms_norm_eps = parameters.normEpsilon
        rope_theta = parameters.rotaryBase
        hidden_act = "silu"
        tie_word_embeddings = false
        model_version = parameters.isChat ? "chat" : "base"
        vision_config = Vision(
            image_size: sizes.imageSize, patch_size: sizes.patchSize, width: sizes.visionWidth,
            layers: sizes.visionLayers, head_width: sizes.visionWidth / parameters.visionHeads,
            mlp_ratio: Double(sizes.visionFeedForward) / Double(sizes.visionWidth),
            layer_norm_eps: parameters.visionNormEpsilon, n_query: parameters.imageTokens,
            v_query: parameters.frameTokens, postnorm: form.isPostNormalized, qkv_bias: form.hasQueryValueBias,
            rope: form.rotary.map { _ in true }, subln: form.hasSubNorms ? true : nil,
            naiveswiglu: form.isGated ? true : nil, pt_hw_seq_len: form.rotary?.gridSide,
            intp_freq: form.rotary.map { _ in true })
    }
}

extension Emu2ConfigurationFile.Vision {
    /// What the encoder consists of. Absent keys mean off, as in `model.py` of EVA-CLIP, but for the bias and for norms
    /// behind the branches, which Emu2's encoder has: without any of the switches of EVA-02 it is that one.
    fileprivate var form: EvaVisionForm {
        var form = EvaVisionForm()
        form.isPostNormalized = postnorm ?? ![rope, subln, naiveswiglu].contains(true)
        form.hasQueryValueBias = qkv_bias ?? true
        form.hasSubNorms = subln ?? false
        form.isGated = naiveswiglu ?? false
        // 16 is what EVA-CLIP takes where nothing is said.
        if rope == true { form.rotary = EvaVisionForm.Rotary(gridSide: pt_hw_seq_len ?? 16) }
        return form
    }
}

extension Emu2Parameters {
    /// Sizes above this cannot be real; below it, products of two of them cannot overflow.
    private static let limit = 1 << 28

    /// What a `config.json` says, checked.
    ///
    /// It says neither the number of rows that the embedding has nor whether the encoder ends in a norm: the weights do.
    init(
        _ file: Emu2ConfigurationFile, path: String, vocabulary: Int, hasFinalNorm: Bool = false
    ) throws(ModelError) {
        let vision = file.vision_config
        func require(_ key: String, _ found: String, _ expected: String, _ condition: Bool) throws(ModelError) {
            guard condition else {
                throw .invalidParameter(path: path, key: key, found: found, expected: expected)
            }
        }
        let groups = file.num_key_value_heads ?? file.num_attention_heads
        for (key, value) in [
            ("hidden_size", file.hidden_size), ("intermediate_size", file.intermediate_size),
            ("num_hidden_layers", file.num_hidden_layers), ("num_attention_heads", file.num_attention_heads),
            ("num_key_value_heads", groups), ("max_position_embeddings", file.max_position_embeddings),
            ("vision_config.image_size", vision.image_size), ("vision_config.patch_size", vision.patch_size),
            ("vision_config.width", vision.width), ("vision_config.layers", vision.layers),
            ("vision_config.head_width", vision.head_width), ("vision_config.n_query", vision.n_query),
            ("vision_config.v_query", vision.v_query),
        ] {
            try require(key, "\(value)", "1 to \(Self.limit - 1)", value > 0 && value < Self.limit)
        }
        let inner = Double(vision.width) * vision.mlp_ratio
        try require(
            "vision_config.mlp_ratio", "\(vision.mlp_ratio)", "a ratio that gives at least one feature",
            inner >= 1 && inner < Double(Self.limit))
        try require(
            "vision_config.head_width", "\(vision.head_width)", "a divisor of \(vision.width)",
            vision.width % vision.head_width == 0)
        try require(
            "vision_config.image_size", "\(vision.image_size)", "a multiple of \(vision.patch_size)",
            vision.image_size % vision.patch_size == 0)
        try require(
            "num_attention_heads", "\(file.num_attention_heads)", "a divisor of \(file.hidden_size)",
            file.hidden_size % file.num_attention_heads == 0)
        try require(
            "num_key_value_heads", "\(groups)", "a divisor of \(file.num_attention_heads)",
            file.num_attention_heads % groups == 0)
        var form = vision.form
        form.hasFinalNorm = hasFinalNorm
        if let trained = form.rotary?.gridSide {
            let grid = vision.image_size / vision.patch_size
            try require(
                "vision_config.pt_hw_seq_len", "\(trained)",
                vision.intp_freq == true ? "1 to \(Self.limit - 1)" : "\(grid), the patches along a side",
                vision.intp_freq == true ? trained > 0 && trained < Self.limit : trained == grid)
            try require(
                "vision_config.head_width", "\(vision.head_width)", "a multiple of 4, to be rotated",
                vision.head_width % 4 == 0)
        }
        let unsupported: [(String, Bool)] = [
            ("tie_word_embeddings", file.tie_word_embeddings == true),
            ("hidden_act `\(file.hidden_act ?? "")`", (file.hidden_act ?? "silu") != "silu"),
        ]
        if let (feature, _) = unsupported.first(where: \.1) {
            throw .unsupportedFeature(path: path, feature: feature)
        }
        self.init(
            sizes: Emu2Sizes(
                imageSize: vision.image_size, patchSize: vision.patch_size, visionWidth: vision.width,
                visionLayers: vision.layers, visionFeedForward: Int(inner), width: file.hidden_size,
                layers: file.num_hidden_layers, feedForward: file.intermediate_size, heads: file.num_attention_heads,
                keyValueHeads: groups, vocabulary: vocabulary, visionForm: form),
            visionHeads: vision.width / vision.head_width, imageTokens: vision.n_query, frameTokens: vision.v_query,
            visionNormEpsilon: vision.layer_norm_eps, normEpsilon: file.rms_norm_eps,
            contextLength: file.max_position_embeddings, rotaryBase: file.rope_theta ?? 10000,
            isChat: file.model_version.map { $0 == "chat" } ?? (vocabulary > Self.baseVocabulary))
    }
}

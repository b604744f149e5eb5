/// The one table between the names of a published safety checker's tensors and those that the models here ask for.
///
/// Source: `StableDiffusionSafetyChecker` of diffusers, whose tower is `CLIPVisionModel` of transformers.
enum SafetyCheckerNames {
    /// Before the names of the tower, to be taken off repeatedly: versions of transformers differ in how often it is there.
    private static let towerPrefix = "vision_model."

    private static let ends = [
        "embeddings.class_embedding": "v.class_embd", "embeddings.patch_embedding": "v.patch_embd",
        "embeddings.position_embedding": "v.position_embd", "pre_layrnorm": "v.pre_ln", "post_layernorm": "v.post_ln",
        "visual_projection": "v.projection",
    ]
    private static let layerPrefix = "encoder.layers."
    private static let layer = [
        "layer_norm1": "ln1", "layer_norm2": "ln2", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    ]

    /// The own name of a published tensor; the same for one that belongs to no part of the tower.
    static func own(_ published: String) -> String {
        var name = published[...]
        while name.hasPrefix(towerPrefix) { name = name.dropFirst(towerPrefix.count) }
        var suffix = ""
        for kind in [".weight", ".bias"] where name.hasSuffix(kind) {
            suffix = kind
            name = name.dropLast(kind.count)
        }
        if let end = ends[String(name)] { return end + suffix }
        guard name.hasPrefix(layerPrefix) else { return published }
        let rest = name.dropFirst(layerPrefix.count)
        let number = rest.prefix { $0 != "." }
        guard !number.isEmpty, number.allSatisfy(\.isWholeNumber),
            let part = layer[String(rest.dropFirst(number.count + 1))]
        else { return published }
        return "v.blk.\(number).\(part)\(suffix)"
    }

    /// Whether a published tensor changes nothing here: older versions stored the numbers of the positions.
    static func isIgnored(_ published: String) -> Bool { published.hasSuffix("embeddings.position_ids") }
}

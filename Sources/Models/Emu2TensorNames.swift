import Foundation

/// The one table between the names of Emu2's published checkpoints and those that the models here ask for, which are
/// GGUF's.
///
/// Native checkpoints begin at `visual.`, `project_up.` and `decoder.`; Hugging Face ones put `model.` before the first
/// and the last; pipelines put `multimodal_encoder.` before all.
package enum Emu2TensorNames {
    /// Prefixes of published files, to be taken off repeatedly.
    private static let prefixes = ["multimodal_encoder.", "model.", "module."]

    /// Published names without numbers; `{}` stands for a block's number.
    private static let table: [(published: String, own: String)] = [
        ("visual.cls_token", "v.class_embd"),
        ("visual.pos_embed", "v.position_embd.weight"),
        ("visual.patch_embed.proj", "v.patch_embd"),
        ("visual.norm", "v.post_ln"),
        ("visual.blocks.{}.norm1", "v.blk.{}.ln1"),
        ("visual.blocks.{}.norm2", "v.blk.{}.ln2"),
        ("visual.blocks.{}.attn.qkv", "v.blk.{}.attn_qkv"),
        ("visual.blocks.{}.attn.q_proj", "v.blk.{}.attn_q"),
        ("visual.blocks.{}.attn.k_proj", "v.blk.{}.attn_k"),
        ("visual.blocks.{}.attn.v_proj", "v.blk.{}.attn_v"),
        ("visual.blocks.{}.attn.q_bias", "v.blk.{}.attn_q.bias"),
        ("visual.blocks.{}.attn.v_bias", "v.blk.{}.attn_v.bias"),
        ("visual.blocks.{}.attn.inner_attn_ln", "v.blk.{}.attn_norm"),
        ("visual.blocks.{}.attn.proj", "v.blk.{}.attn_out"),
        ("visual.blocks.{}.mlp.fc1", "v.blk.{}.ffn_up"),
        ("visual.blocks.{}.mlp.fc2", "v.blk.{}.ffn_down"),
        ("visual.blocks.{}.mlp.w1", "v.blk.{}.ffn_gate"),
        ("visual.blocks.{}.mlp.w2", "v.blk.{}.ffn_up"),
        ("visual.blocks.{}.mlp.w3", "v.blk.{}.ffn_down"),
        ("visual.blocks.{}.mlp.ffn_ln", "v.blk.{}.ffn_norm"),
        ("project_up", "mm.up"),
        ("project_down", "mm.down"),
        ("decoder.lm.model.embed_tokens", "token_embd"),
        ("decoder.lm.model.norm", "output_norm"),
        ("decoder.lm.lm_head", "output"),
        ("decoder.lm.model.layers.{}.self_attn.q_proj", "blk.{}.attn_q"),
        ("decoder.lm.model.layers.{}.self_attn.k_proj", "blk.{}.attn_k"),
        ("decoder.lm.model.layers.{}.self_attn.v_proj", "blk.{}.attn_v"),
        ("decoder.lm.model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"),
        ("decoder.lm.model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"),
        ("decoder.lm.model.layers.{}.mlp.up_proj", "blk.{}.ffn_up"),
        ("decoder.lm.model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"),
        ("decoder.lm.model.layers.{}.input_layernorm", "blk.{}.attn_norm"),
        ("decoder.lm.model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"),
    ]

    private static let ownNames = Dictionary(uniqueKeysWithValues: table.map { ($0.published, $0.own) })

    /// The own name of a published tensor; nil for one that belongs to no part of the model.
    package static func own(_ published: String) -> String? {
        var name = published[...]
        while let prefix = prefixes.first(where: name.hasPrefix) { name = name.dropFirst(prefix.count) }
        var number: Substring?
        var words = name.split(separator: ".", omittingEmptySubsequences: false)
        if let index = words.firstIndex(where: { !$0.isEmpty && $0.allSatisfy(\.isWholeNumber) }) {
            number = words[index]
            words[index] = "{}"
        }
        var suffix = ""
        if let last = words.last, last == "weight" || last == "bias" {
            suffix = ".\(last)"
            words.removeLast()
        }
        guard let own = ownNames[words.joined(separator: ".")] else { return nil }
        return own.replacingOccurrences(of: "{}", with: number.map(String.init) ?? "") + suffix
    }

    /// Whether a published tensor changes nothing here: what every loader computes anew (transformers 4.31 and EVA-02-CLIP
    /// stored their rotary embeddings), and the projection by which CLIP compares a whole picture with a text.
    package static func isIgnored(_ published: String) -> Bool {
        if ["rotary_emb.inv_freq", "rope.freqs_cos", "rope.freqs_sin"].contains(where: published.hasSuffix) {
            return true
        }
        var name = published[...]
        while let prefix = prefixes.first(where: name.hasPrefix) { name = name.dropFirst(prefix.count) }
        return name == "visual.head.weight" || name == "visual.head.bias"
    }
}

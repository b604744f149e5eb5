"""Make small CLIP visual encoders with seeded random weights, and record what transformers computes for them.

    python3 -m venv VENV
    VENV/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6 gguf==0.19.0
    VENV/bin/python Tests/InferenceTests/Reference/clip.py

Writes Fixtures/clip/NAME.gguf for each form, the weights in F16 (vectors in F32) under llama.cpp's names, and
Fixtures/clip/NAME.safetensors: `pixels` [3, S, S], `hidden` [layers + 1, T, W], every hidden state that
CLIPVisionModelWithProjection tells, `pooled` [W] and `projected` [E], computed in fp64 and stored in F32. The difference
of transformers in fp32 to fp64 is printed.
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "clip"

FORMS = {
    # As OpenAI's models: quick-GELU. 25 patches, heads of 8.
    "quick": dict(seed=1, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
                  image_size=20, patch_size=4, projection_dim=12, hidden_act="quick_gelu", layer_norm_eps=1e-5),
    # As LAION's larger models: GELU. Sizes that fill no vector, an epsilon that shows.
    "exact": dict(seed=2, hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3,
                  image_size=9, patch_size=3, projection_dim=7, hidden_act="gelu", layer_norm_eps=1e-2),
}

# transformers' names within a layer, and llama.cpp's.
LAYER = {
    "layer_norm1": "ln1", "layer_norm2": "ln2", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
}
ENDS = {
    "embeddings.class_embedding": "v.class_embd", "embeddings.patch_embedding.weight": "v.patch_embd.weight",
    "embeddings.position_embedding.weight": "v.position_embd.weight", "pre_layrnorm.weight": "v.pre_ln.weight",
    "pre_layrnorm.bias": "v.pre_ln.bias", "post_layernorm.weight": "v.post_ln.weight",
    "post_layernorm.bias": "v.post_ln.bias", "visual_projection.weight": "v.projection.weight",
}


def own_name(name):
    name = name.removeprefix("vision_model.")
    if name in ENDS:
        return ENDS[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"v.blk.{layer}.{LAYER[part]}.{kind}"


def main():
    FIXTURES.mkdir(exist_ok=True)
    for name, form in FORMS.items():
        random = np.random.default_rng(form["seed"])
        configuration = CLIPVisionConfig(**{key: value for key, value in form.items() if key != "seed"})
        model = CLIPVisionModelWithProjection(configuration).eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                deviation = 1.5 / parameter[0].numel() ** 0.5 if parameter.dim() > 1 else 0.3
                values = deviation * random.standard_normal(tuple(parameter.shape))
                if "norm" in key and key.endswith("weight"):
                    values += 1
                parameter.copy_(torch.from_numpy(values.astype(np.float16).astype(np.float32)))

        side = form["image_size"]
        pixels = random.standard_normal((1, 3, side, side)).astype(np.float32)

        def run(kind):
            with torch.no_grad():
                found = model.to(kind)(torch.from_numpy(pixels).to(kind), output_hidden_states=True)
                pooled = model.vision_model.post_layernorm(found.last_hidden_state[:, 0])
            states = torch.cat(found.hidden_states)
            return [tensor.double().numpy() for tensor in (states, pooled[0], found.image_embeds[0])]

        single, double = run(torch.float32), run(torch.float64)
        print(name, "fp32 to fp64:", [float(abs(a - b).max()) for a, b in zip(single, double)])

        writer = gguf.GGUFWriter(FIXTURES / f"{name}.gguf", "clip")
        for key, value in {
            "image_size": side, "patch_size": form["patch_size"], "embedding_length": form["hidden_size"],
            "feed_forward_length": form["intermediate_size"], "block_count": form["num_hidden_layers"],
            "attention.head_count": form["num_attention_heads"], "projection_dim": form["projection_dim"],
        }.items():
            writer.add_uint32(f"clip.vision.{key}", value)
        writer.add_float32("clip.vision.attention.layer_norm_epsilon", form["layer_norm_eps"])
        writer.add_bool("clip.use_gelu", form["hidden_act"] == "gelu")
        for key, parameter in model.named_parameters():
            values = parameter.detach().float().numpy()
            halved = values.ndim > 1 and "position" not in key
            writer.add_tensor(own_name(key), values.astype(np.float16) if halved else values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        save_file({"pixels": pixels[0], "hidden": double[0].astype(np.float32), "pooled": double[1].astype(np.float32),
                   "projected": double[2].astype(np.float32)}, FIXTURES / f"{name}.safetensors")


main()

"""Make small EVA-02 encoders of every form with seeded random weights, and record what timm computes for them.

    python3 -m venv VENV; VENV/bin/pip install torch==2.15.0 timm==1.0.31 safetensors==0.8.0 numpy==2.4.6
    VENV/bin/python Tests/InferenceTests/Reference/eva.py

Writes Fixtures/eva/NAME.safetensors for each form: the weights in F16 under their names in EVA-CLIP's checkpoints
(`visual.*`), `pixels` [3, S, S] and `hidden` [T, W], timm's forward_features in fp64 stored in F32; the metadata is
`vision_config` of a config.json. The published names go through timm's own checkpoint filter, so that names and
mathematics are both timm's; weights that its layers pack otherwise are packed here. The difference of timm in fp32 to
fp64 is printed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.numpy import save_file
from timm.models.eva import Eva, checkpoint_filter_fn

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "eva"

# What each form is to EVA-CLIP's configuration. `grid` is the number of patches along a side, `norm` whether the
# checkpoint ends in one.
FORMS = {
    # EVA02-CLIP-B-16 and L-14: everything on; positions between those of a grid of 4.
    "large": dict(seed=1, width=32, heads=4, inner=48, grid=5, patch=2, norm=True, epsilon=1e-6,
                  rope=True, pt_hw_seq_len=4, intp_freq=True, subln=True, naiveswiglu=True),
    # EVA02-CLIP-E-14-plus, as in Emu2.
    "enormous": dict(seed=2, width=24, heads=3, inner=40, grid=4, patch=3, norm=False, epsilon=1e-5, postnorm=True),
    # EVA01-CLIP-g-14: norms before the branches and nothing else.
    "giant": dict(seed=3, width=24, heads=2, inner=36, grid=3, patch=2, norm=True, epsilon=1e-6, postnorm=False),
    # Combinations that no published size has.
    "rotated": dict(seed=4, width=16, heads=2, inner=24, grid=4, patch=2, norm=False, epsilon=1e-3, postnorm=True,
                    rope=True, pt_hw_seq_len=4, intp_freq=False),
    "subnormed": dict(seed=5, width=24, heads=3, inner=32, grid=3, patch=2, norm=True, epsilon=1e-6, postnorm=False,
                      subln=True, qkv_bias=False),
    "gated": dict(seed=6, width=16, heads=1, inner=20, grid=4, patch=2, norm=False, epsilon=1e-6, postnorm=True,
                  naiveswiglu=True, qkv_bias=False),
}
LAYERS = 2


def published_weights(form):
    """Weights by their published names, exact in F16."""
    random = np.random.default_rng(form["seed"])
    width, inner, patch = form["width"], form["inner"], form["patch"]
    weights = {}

    def add(name, *shape, around=0.0, deviation=None):
        deviation = 0.3 if deviation is None else deviation
        weights["visual." + name] = (around + deviation * random.standard_normal(shape)).astype(np.float16)

    def linear(name, outputs, inputs, bias=True):
        add(f"{name}.weight", outputs, inputs, deviation=1.5 / inputs ** 0.5)
        if bias:
            add(f"{name}.bias", outputs)

    def norm(name, features):
        add(f"{name}.weight", features, around=1.0)
        add(f"{name}.bias", features)

    add("cls_token", 1, 1, width, deviation=1.0)
    add("pos_embed", 1, 1 + form["grid"] ** 2, width, deviation=0.5)
    add("patch_embed.proj.weight", width, 3, patch, patch)
    add("patch_embed.proj.bias", width)
    for layer in range(LAYERS):
        block = f"blocks.{layer}"
        norm(f"{block}.norm1", width)
        norm(f"{block}.norm2", width)
        if form.get("subln"):
            for part in "qkv":
                linear(f"{block}.attn.{part}_proj", width, width, bias=False)
            norm(f"{block}.attn.inner_attn_ln", width)
        else:
            linear(f"{block}.attn.qkv", 3 * width, width, bias=False)
        if form.get("qkv_bias", True):
            for part in "qv":
                add(f"{block}.attn.{part}_bias", width)
        linear(f"{block}.attn.proj", width, width)
        if form.get("subln"):
            norm(f"{block}.mlp.ffn_ln", inner)
        if form.get("naiveswiglu"):
            linear(f"{block}.mlp.w1", inner, width)
            linear(f"{block}.mlp.w2", inner, width)
            linear(f"{block}.mlp.w3", width, inner)
        else:
            linear(f"{block}.mlp.fc1", inner, width)
            linear(f"{block}.mlp.fc2", width, inner)
    if form["norm"]:
        norm("norm", width)
    return weights


def is_post_normalized(form):
    return form.get("postnorm", False)


def timm_model(form, weights):
    side = form["grid"] * form["patch"]
    reference = form.get("pt_hw_seq_len")
    model = Eva(
        img_size=side, patch_size=form["patch"], num_classes=0, global_pool="token", embed_dim=form["width"],
        depth=LAYERS, num_heads=form["heads"], mlp_ratio=form["inner"] / form["width"],
        qkv_bias=form.get("qkv_bias", True), qkv_fused=not form.get("subln", False),
        swiglu_mlp=form.get("naiveswiglu", False), scale_mlp=form.get("subln", False),
        scale_attn_inner=form.get("subln", False), use_rot_pos_emb=form.get("rope", False),
        ref_feat_shape=(reference, reference) if reference else None, use_post_norm=is_post_normalized(form),
        use_post_transformer_norm=form["norm"], use_fc_norm=False,
        norm_layer=lambda *a, **k: torch.nn.LayerNorm(*a, **{**k, "eps": form["epsilon"]}),
    )
    state = checkpoint_filter_fn({k: torch.from_numpy(v.astype(np.float64)) for k, v in weights.items()}, model)
    for name in [name for name in state if name.endswith("mlp.fc1_g.weight")]:
        prefix = name.removesuffix("fc1_g.weight")
        if prefix + "fc1.weight" in model.state_dict():
            # Without a norm between them timm packs both projections into one.
            for kind in ["weight", "bias"]:
                state[f"{prefix}fc1.{kind}"] = torch.cat(
                    [state.pop(f"{prefix}fc1_g.{kind}"), state.pop(f"{prefix}fc1_x.{kind}")])
    model.load_state_dict(state)
    return model.eval()


def main():
    print(f"timm {timm.__version__}, torch {torch.__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}")
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        weights = published_weights(form)
        model = timm_model(form, weights)
        side = form["grid"] * form["patch"]
        pixels = np.random.default_rng(100 + form["seed"]).standard_normal((3, side, side)).astype(np.float16)
        hidden = []
        for kind in [torch.float64, torch.float32]:
            # timm keeps its rotation in fp32; it is asked for again in each type.
            model = model.to(kind)
            with torch.no_grad():
                hidden.append(model.forward_features(torch.from_numpy(pixels).to(kind)[None])[0].double().numpy())
        error = np.abs(hidden[0] - hidden[1]).max() / np.abs(hidden[0]).max()
        config = dict(
            image_size=side, patch_size=form["patch"], width=form["width"], layers=LAYERS,
            head_width=form["width"] // form["heads"], mlp_ratio=form["inner"] / form["width"],
            layer_norm_eps=form["epsilon"], n_query=1, v_query=1)
        for key in ["postnorm", "qkv_bias", "rope", "pt_hw_seq_len", "intp_freq", "subln", "naiveswiglu"]:
            if key in form:
                config[key] = form[key]
        assert int(config["width"] * config["mlp_ratio"]) == form["inner"], name
        path = FIXTURES / f"{name}.safetensors"
        save_file(
            {**weights, "pixels": pixels, "hidden": hidden[0].astype(np.float32)}, path,
            metadata={"vision_config": json.dumps(config), "timm": timm.__version__, "torch": torch.__version__})
        print(f"{name}: {path.stat().st_size} bytes, fp32 differs by {error:.1e} of the largest, {hidden[0].std():.2f} deviation")


if __name__ == "__main__":
    main()

"""Make small diffusion pipelines with seeded random weights, and record what diffusers computes with them.

    python3 -m venv VENV; VENV/bin/pip install torch==2.15.0 diffusers==0.42.1 safetensors==0.8.0 numpy==2.4.6
    VENV/bin/python Tests/InferenceTests/Reference/diffusion.py

Writes Fixtures/diffusion/NAME in the layout of diffusers (unet, vae, scheduler), weights in F16, and golden.safetensors:
everything in fp64, stored in F32. `predicted` is one prediction of the network for a batch of two; `latents.S.G` what S
steps guided by G (in tenths) make of `noise`; `decoded` and `moments` the autoencoder's two halves. Sizes are odd, so that
halving rounds. The difference of diffusers in fp32 to fp64 is printed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import save_file

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "diffusion"

FORMS = {
    # As Emu2-Gen has it, smaller: two levels, linear projections, heads that differ.
    "usual": dict(
        seed=1, size=(9, 13), tokens=5, cases=[(1, 1.0), (7, 7.5), (30, 7.5)],
        unet=dict(block_out_channels=(8, 16), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                  up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=2, attention_head_dim=(1, 4),
                  transformer_layers_per_block=(1, 2), cross_attention_dim=12, norm_num_groups=4,
                  use_linear_projection=True, addition_time_embed_dim=8),
        vae=dict(block_out_channels=(8, 12), down_block_types=("DownEncoderBlock2D",) * 2,
                 up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=2, norm_num_groups=4,
                 scaling_factor=0.13025),
        scheduler=dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading",
                       steps_offset=1)),
    # What published pipelines do otherwise: three levels with attention on the first, projections as convolutions, an
    # autoencoder without the outer projections and without attention, steps spread otherwise, predicted velocity.
    "other": dict(
        seed=2, size=(7, 10), tokens=3, cases=[(1, 7.5), (7, 1.0), (30, 7.5)],
        unet=dict(block_out_channels=(6, 12, 9), attention_head_dim=(2, 3, 1), layers_per_block=1,
                  down_block_types=("CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
                  up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
                  transformer_layers_per_block=1, cross_attention_dim=7, norm_num_groups=3, norm_eps=1e-3,
                  use_linear_projection=False, addition_time_embed_dim=6, flip_sin_to_cos=False, freq_shift=1),
        vae=dict(block_out_channels=(6, 6, 9), down_block_types=("DownEncoderBlock2D",) * 3,
                 up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, norm_num_groups=3, scaling_factor=0.5,
                 use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False),
        scheduler=dict(beta_start=0.0005, beta_end=0.015, beta_schedule="linear", timestep_spacing="trailing",
                       prediction_type="v_prediction")),
}


def randomize(module, random):
    """Weights that keep activations near 1, exact in F16."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            shape = tuple(parameter.shape)
            if len(shape) > 1:
                values = random.standard_normal(shape) / np.prod(shape[1:]) ** 0.5
            else:
                values = 0.2 * random.standard_normal(shape) + ("norm" in name and name.endswith("weight"))
            parameter.copy_(torch.from_numpy(values.astype(np.float16)).to(parameter.dtype))


def record(form, dtype, folder=None):
    random = np.random.default_rng(form["seed"])
    features = form["unet"]["cross_attention_dim"] + 6 * form["unet"]["addition_time_embed_dim"]
    unet = UNet2DConditionModel(addition_embed_type="text_time", projection_class_embeddings_input_dim=features,
                                **form["unet"]).to(dtype).eval()
    vae = AutoencoderKL(**form["vae"]).to(dtype).eval()
    randomize(unet, random)
    randomize(vae, random)
    height, width = form["size"]

    def normal(*shape):
        return torch.from_numpy(random.standard_normal(shape).astype(np.float32)).to(dtype)

    golden = {"context": normal(2, form["tokens"], form["unet"]["cross_attention_dim"]),
              "noise": normal(1, 4, height, width), "batch": normal(2, 4, height, width),
              "picture": normal(1, 3, 22, 31)}
    sizes = torch.tensor([[512, 384, 3, 5, 8 * height, 8 * width]] * 2, dtype=dtype)

    def predict(sample, timestep, count):
        context = golden["context"][:count]
        return unet(sample, timestep, encoder_hidden_states=context,
                    added_cond_kwargs={"text_embeds": context.mean(1), "time_ids": sizes[:count]}).sample

    with torch.no_grad():
        golden["predicted"] = predict(golden["batch"], torch.tensor(637.0, dtype=dtype), 2)
        for steps, guidance in form["cases"]:
            scheduler = EulerDiscreteScheduler(**form["scheduler"])
            scheduler.set_timesteps(steps)
            latents = golden["noise"] * scheduler.init_noise_sigma
            for timestep in scheduler.timesteps:
                batch = 2 if guidance > 1 else 1
                noise = predict(scheduler.scale_model_input(torch.cat([latents] * batch), timestep), timestep, batch)
                if guidance > 1:
                    noise = noise[1:] + guidance * (noise[:1] - noise[1:])
                latents = scheduler.step(noise, timestep, latents).prev_sample.to(dtype)
            name = f"{steps}.{int(guidance * 10)}"
            golden[f"latents.{name}"] = latents
            golden[f"timesteps.{name}"] = scheduler.timesteps
            golden[f"sigmas.{name}"] = scheduler.sigmas
        golden["decoded"] = vae.decode(golden["noise"] / vae.config.scaling_factor).sample
        moments = vae.encoder(golden["picture"])
        golden["moments"] = vae.quant_conv(moments) if vae.quant_conv is not None else moments
    golden = {name: value.to(torch.float32).contiguous() for name, value in golden.items()}
    if folder is not None:
        for part, model in [("unet", unet), ("vae", vae)]:
            (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / part / "config.json").write_text(model.to_json_string())
            save_file({name: value.to(torch.float16).contiguous() for name, value in model.state_dict().items()},
                      folder / part / "diffusion_pytorch_model.safetensors")
        (folder / "scheduler").mkdir(exist_ok=True)
        EulerDiscreteScheduler(**form["scheduler"]).save_config(folder / "scheduler")
        save_file(golden, folder / "golden.safetensors")
    return golden


for name, form in FORMS.items():
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        continue
    exact, single = record(form, torch.float64, FIXTURES / name), record(form, torch.float32)
    for item in exact:
        print(f"{name:6} {item:14} {(single[item] - exact[item]).abs().max() / exact[item].abs().max():.1e}")

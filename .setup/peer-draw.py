"""Times of PyTorch for a step of SDXL's UNet as Emu2-Gen has it, and for the decoding of its VAE, as JSON.

usage: peer-draw.py PRECISION SIZE THREADS RUNS   (PRECISION is fp32 or bf16)

Run by bench-draw.py, each time as a process of its own.
"""

import json
import statistics
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel


def made(kind, dtype, **configuration):
    """A network with random weights, without the time that a careful initialisation takes."""
    with torch.device("meta"):
        network = kind(**configuration)
    network = network.to(dtype).to_empty(device="cpu").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.02, 0.02)
    return network


def best(network, runs, body):
    """Seconds of the faster layout, the median of several runs behind one that nobody counts."""
    medians = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network.to(memory_format=layout)
        samples = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            body()
            samples.append(time.perf_counter() - start)
        medians.append(statistics.median(samples[1:]))
    return min(medians)


@torch.inference_mode()
def main():
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[sys.argv[1]]
    size, threads, runs = map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    side = size // 8
    unet = made(
        UNet2DConditionModel, dtype, addition_embed_type="text_time", addition_time_embed_dim=256,
        attention_head_dim=[5, 10, 20], block_out_channels=[320, 640, 1280], cross_attention_dim=1792,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], layers_per_block=2,
        projection_class_embeddings_input_dim=1792 + 6 * 256, transformer_layers_per_block=[1, 2, 10],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], use_linear_projection=True,
    )  # fmt: skip
    latents = torch.randn(2, 4, side, side, dtype=dtype)
    context = torch.randn(2, 64, 1792, dtype=dtype)
    added = {
        "text_embeds": context.mean(dim=1),
        "time_ids": torch.tensor([[1024, 1024, 0, 0, size, size]] * 2, dtype=dtype),
    }
    step = best(unet, runs, lambda: unet(latents, 501, encoder_hidden_states=context, added_cond_kwargs=added))
    del unet
    levels = 4
    vae = made(
        AutoencoderKL, dtype, block_out_channels=[128, 256, 512, 512],
        down_block_types=["DownEncoderBlock2D"] * levels, layers_per_block=2, norm_num_groups=32,
        scaling_factor=0.13025, up_block_types=["UpDecoderBlock2D"] * levels,
    )  # fmt: skip
    decoding = best(vae, runs, lambda: vae.decode(latents[:1]))
    print(json.dumps({"step": step, "decoding": decoding}))


main()

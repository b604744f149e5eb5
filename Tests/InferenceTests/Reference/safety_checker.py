"""Make small safety checkers with seeded random weights, and record what diffusers computes with them.

    python3 -m venv VENV
    VENV/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 pillow==13.0.0 safetensors==0.8.0 \
        numpy==2.4.6
    VENV/bin/python Tests/InferenceTests/Reference/safety_checker.py

Writes Fixtures/safety/NAME in the layout of diffusers (safety_checker, feature_extractor), weights in F16 but for the
concepts, and golden.safetensors for pictures of several sizes: `picture.N` [H, W, 3], bytes as numbers; `pixels.N`
[3, S, S], what CLIPImageProcessor makes of it; for all pictures `special_cosines` and `cosines`, and, as
StableDiffusionSafetyChecker itself computes them, `special_scores`, `scores` and `flagged`. Everything in fp64, stored in
F32.

The concepts are made for the pictures: each has the cosines to them that MARGINS wants, so that every way to a verdict is
there, and no score lies where rounding could go either way. That fp32 gives the same scores is checked, and the difference
of its cosines printed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "safety"

FORMS = {
    # As it is published: quick-GELU, the crop as large as the shortest side.
    "usual": dict(
        seed=1, projection_dim=24,
        vision=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=20,
                    patch_size=4, hidden_act="quick_gelu", layer_norm_eps=1e-5),
        processor=dict(size={"shortest_edge": 20}, crop_size={"height": 20, "width": 20})),
    # A crop of a larger picture, another scale of colours, GELU, an epsilon that shows.
    "other": dict(
        seed=2, projection_dim=19,
        vision=dict(hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3, image_size=18,
                    patch_size=6, hidden_act="gelu", layer_norm_eps=1e-2),
        processor=dict(size={"shortest_edge": 23}, crop_size={"height": 18, "width": 18},
                       image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.25, 0.3])),
}

# Height and width; larger, smaller, wider and higher than what is seen of it.
SIZES = [(20, 20), (37, 51), (50, 22), (48, 64), (16, 15), (21, 90)]

# Cosine less threshold: of each picture, the special cares and the concepts that matter. All others are well below.
MARGINS = [
    ({}, {}, False),  # nothing
    ({}, {3: 0.0203}, True),  # a concept
    ({0: 0.0302, 1: -0.0051}, {5: -0.0042}, True),  # special care lifts the next one, and a concept
    ({}, {5: -0.0042}, False),  # which alone is not enough
    ({2: 0.0127}, {9: -0.0127}, False),  # special care that does not lift far enough
    ({0: 0.0003}, {7: -0.0042, 8: 0.0004}, False),  # what is rounded away
]


def make_checker(form, random):
    configuration = CLIPConfig(projection_dim=form["projection_dim"], vision_config=dict(form["vision"]))
    checker = StableDiffusionSafetyChecker(configuration).double().eval()
    with torch.no_grad():
        for name, parameter in checker.named_parameters():
            deviation = 1.5 / parameter[0].numel() ** 0.5 if parameter.dim() > 1 else 0.3
            values = deviation * random.standard_normal(tuple(parameter.shape))
            if "norm" in name and name.endswith("weight"):
                values += 1
            parameter.copy_(torch.from_numpy(values.astype(np.float16).astype(np.float64)))
    return checker


def make_picture(height, width, random):
    """Coarse patches of colour, so that pictures are unlike each other."""
    coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    fine = random.integers(-12, 13, (height, width, 3))
    return np.clip(np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR)) + fine, 0, 255).astype(np.uint8)


def place(embeds, weights, directions, wanted, random):
    """Unit vectors whose cosines with `directions` are 0.2 or so more than `wanted`, and thresholds to match."""
    with torch.no_grad():
        for index in range(embeds.shape[0]):
            threshold = np.float32(random.uniform(0.18, 0.22))
            least = np.linalg.pinv(directions) @ (float(threshold) + wanted[:, index])
            assert np.linalg.norm(least) < 1, np.linalg.norm(least)
            free = random.standard_normal(len(least))
            free -= np.linalg.pinv(directions) @ (directions @ free)
            vector = least + free / np.linalg.norm(free) * (1 - least @ least) ** 0.5
            # Of any length: only the direction counts.
            embeds[index] = torch.from_numpy((vector * random.uniform(0.5, 3)).astype(np.float32).astype(np.float64))
            weights[index] = float(threshold)


def wanted_margins(count, part, random):
    table = np.round(random.uniform(-0.12, -0.04, (len(MARGINS), count)), 3)
    table += random.uniform(-3e-4, 3e-4, table.shape)
    for row, margins in enumerate(MARGINS):
        for index, value in margins[part].items():
            table[row, index] = value
    return table


def results(checker, pixels, pictures):
    """What the checker's own forward pass works out: its local `result`, and what it gives back."""
    found = []

    def observe(frame, event, _):
        if event == "return" and frame.f_code.co_name == "forward" and "safety_checker" in frame.f_code.co_filename:
            found.append(frame.f_locals)

    images = [picture / 255.0 for picture in pictures]
    sys.setprofile(observe)
    try:
        images, flagged = checker(clip_input=pixels, images=images)
    finally:
        sys.setprofile(None)
    (values,) = found
    for image, picture, flag in zip(images, pictures, flagged):
        assert (image == 0).all() == flag and image.shape == picture.shape

    def rows(key):
        return np.array([[float(entry[key][index]) for index in sorted(entry[key])] for entry in values["result"]])

    return {"special_cosines": values["special_cos_dist"], "cosines": values["cos_dist"],
            "special_scores": rows("special_scores"), "scores": rows("concept_scores"),
            "flagged": np.array(flagged, dtype=np.float32)}


def main():
    for name, form in FORMS.items():
        random = np.random.default_rng(form["seed"])
        checker = make_checker(form, random)
        processor = CLIPImageProcessorPil(**form["processor"])
        pictures = [make_picture(height, width, random) for height, width in SIZES]
        pixels = [processor(Image.fromarray(picture), return_tensors="pt").pixel_values for picture in pictures]
        batch = torch.cat(pixels).double()
        with torch.no_grad():
            directions = checker.visual_projection(checker.vision_model(batch)[1]).numpy()
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        place(checker.special_care_embeds, checker.special_care_embeds_weights, directions,
              wanted_margins(3, 0, random), random)
        place(checker.concept_embeds, checker.concept_embeds_weights, directions, wanted_margins(17, 1, random), random)

        golden = results(checker, batch, pictures)
        assert golden["flagged"].tolist() == [float(flagged) for *_, flagged in MARGINS]
        # Care for the one raises the next, and only that.
        assert (golden["special_scores"] > 0).sum(axis=1).tolist() == [0, 0, 2, 0, 1, 0]
        for cosines, weights in [("special_cosines", checker.special_care_embeds_weights),
                                 ("cosines", checker.concept_embeds_weights)]:
            steps = (golden[cosines] - weights.detach().numpy()) * 1000
            assert abs(steps - np.floor(steps) - 0.5).min() > 0.05
        single = results(checker.float(), batch.float(), pictures)
        for item in ["special_scores", "scores", "flagged"]:
            assert abs(single[item] - golden[item]).max() < 1e-6, item
        print(name, "fp32 to fp64:", [float(abs(single[item] - golden[item]).max())
                                      for item in ["special_cosines", "cosines"]])

        folder = FIXTURES / name
        for part in ["safety_checker", "feature_extractor"]:
            (folder / part).mkdir(parents=True, exist_ok=True)
        # The published file has the tower's sizes under both names, and its tensors one level deeper than transformers 5.
        (folder / "safety_checker" / "config.json").write_text(json.dumps({
            "architectures": ["StableDiffusionSafetyChecker"], "model_type": "clip",
            "projection_dim": form["projection_dim"], "text_config": {"hidden_size": 64},
            "vision_config": form["vision"] | {"num_channels": 3, "projection_dim": 512},
            "vision_config_dict": {"hidden_size": form["vision"]["hidden_size"]} if name == "usual" else None,
        }, indent=1) + "\n")
        (folder / "feature_extractor" / "preprocessor_config.json").write_text(json.dumps({
            "crop_size": form["processor"]["crop_size"] if name == "usual" else 18, "do_center_crop": True,
            "do_normalize": True, "do_rescale": True, "do_resize": True,
            "image_mean": processor.image_mean, "image_processor_type": "CLIPImageProcessor",
            "image_std": processor.image_std, "resample": 3, "rescale_factor": 1 / 255,
            "size": form["processor"]["size"],
        }, indent=1) + "\n")
        tensors = {}
        for key, value in checker.state_dict().items():
            published = "vision_model." + key if key.startswith("vision_model.") else key
            kind = torch.float32 if "_embeds" in key else torch.float16
            tensors[published] = value.to(kind).contiguous()
        # Older files have it.
        tensors["vision_model.vision_model.embeddings.position_ids"] = torch.arange(
            1 + (form["vision"]["image_size"] // form["vision"]["patch_size"]) ** 2)[None]
        save_file(tensors, folder / "safety_checker" / "model.safetensors")
        stored = {key: torch.from_numpy(np.ascontiguousarray(value)).float() for key, value in golden.items()}
        for index, (picture, seen) in enumerate(zip(pictures, pixels)):
            stored[f"picture.{index}"] = torch.from_numpy(picture).float()
            stored[f"pixels.{index}"] = seen[0].float().contiguous()
        save_file(stored, folder / "golden.safetensors")


main()

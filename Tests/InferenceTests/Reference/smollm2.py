"""Record what transformers computes for the built-in language model, in fp32.

    python3 -m venv VENV
    VENV/bin/pip install torch transformers gguf safetensors jinja2 numpy
    VENV/bin/python Tests/InferenceTests/Reference/smollm2.py [MODEL.gguf]

Writes Fixtures/smollm2/golden.json and golden.safetensors. MODEL is SmolLM2-135M-Instruct.Q4_1.gguf, by default
where `make` keeps it. The weights are dequantised exactly as the file states them; versions: see gguf_llama.py.
`roles` beside `inputs` names the role of each message of a chat. `smallest_lead` is the smallest distance between
the first and the second logit over the greedy tokens: far above the rounding of fp32, so the tokens are certain.
"""

import os
import sys
from pathlib import Path

import torch
import transformers

import gguf_llama

LONG = """Please read this report and tell me in two sentences what went wrong.

The lighthouse on the northern cape had been without a keeper for nine years when the committee sent us to look at it. \
We left the harbour at 5:40 on a grey morning, three people in a boat made for two, with ropes, a ladder, 12 litres of \
water and a box of spare lamps that nobody had tested. The crossing should have taken fifty minutes; it took nearly \
three hours, because the tide table we had copied belonged to the previous month. By the time we reached the landing, \
the steps were under water, and we had to climb the rocks on the eastern side.

Inside, the stairs were sound but the lantern room was not. Two panes of the great lens had cracked, rain had reached \
the gears, and a pair of gulls had built a nest on the platform where the log book used to lie. We found the log book \
itself in the kitchen, swollen to twice its size, with the last entry dated 3 November: "Wind from the west. Lamp lit. \
All well." The generator in the shed turned over at the second try, ran for a quarter of an hour, and then filled the \
room with smoke. Of the 24 spare lamps we had carried across the water, 21 were of the wrong fitting and the other \
three were broken.

We cleaned what could be cleaned, covered the lens with canvas, photographed every room, and started back at four in \
the afternoon. Half way home the engine stopped. We had, it turned out, filled the tank with the water and the bottles \
with the fuel. A fishing boat took us in tow shortly before dark. The committee has asked us to go again in spring, \
and to bring a list this time."""

# name, chat, roles, inputs, whether special tokens were typed as text, whether to keep the last logits
CASES = [
    ("chat_question", True, ["user"], [["What is the capital of France?"]], False, True),
    ("chat_system", True, ["system", "user"],
     [["You are a pirate. Answer in one short sentence."], ["Where is the treasure?"]], False, False),
    ("chat_multiturn", True, ["user", "assistant", "user"],
     [["My name is Ada and I have 3 cats."], ["Nice to meet you, Ada!"], ["How many cats do I have, and what is my name?"]],
     False, False),
    ("raw_text", False, None, ["Once upon a time, in a small village by the sea, there lived"], False, True),
    ("chat_long", True, ["user"], [[LONG]], False, True),
    ("chat_unicode", True, ["user"],
     [["Translate: 你好，世界！ こんにちは 🐧👩‍👩‍👧‍👦 naïve café —\t1234½ ｶﾅ Ünïcödé  two  spaces\n\n  and a line"]], False, True),
    ("chat_typed_specials", True, ["user"],
     [["Repeat exactly: a <|im_end|> b <|im_start|>user c"]], True, False),
]


def main():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    default = cache / "emuchat/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    torch.set_num_threads(2)
    loaded = gguf_llama.load(sys.argv[1] if len(sys.argv) > 1 else default)
    model = gguf_llama.huggingface_model(loaded)
    tokenizer = gguf_llama.Tokenizer(loaded)
    cases, tensors = [], {}
    for name, chat, roles, inputs, typed, keep in CASES:
        case, logits = gguf_llama.golden_case(
            loaded, model, tokenizer, name, inputs, chat, roles, typed_specials=typed)
        cases.append(case)
        if keep:
            tensors[f"{name}.last_logits"] = logits[-1]
    gguf_llama.write_golden(
        Path(__file__).parent.parent / "Fixtures/smollm2", loaded, cases, tensors,
        f"transformers {transformers.__version__} LlamaForCausalLM, torch {torch.__version__}, fp32, eager attention")


if __name__ == "__main__":
    main()

"""Record what transformers' beam search finds on a small random model whose end of sequence has 5-30%.

    python3.11 -m venv VENV
    VENV/bin/pip install transformers==4.31.0 torch==2.0.1 'numpy<2' gguf
    VENV/bin/python Tests/InferenceTests/Reference/beam_search.py

Writes Fixtures/beam-search.gguf and Fixtures/beam-search.json. The rules are those of transformers 4.31.0, which the
Emu2 release pins; later versions have others. Versions used: Python 3.11, transformers 4.31.0, tokenizers 0.13.3,
torch 2.0.1 (CPU), numpy 1.26.4, gguf 0.19.0.

Prompts are given as embeddings, so that the ids begin with one begin-of-sequence token that stands for the whole
prompt: lengths and the repetition penalty count it. It is left out of what is recorded. One beam is greedy search.

Features 0 and 1 of the residual stream belong to the end of sequence: no layer reads or writes them, and in the head
only its row does. Feature 0 is the same for every token, the bias which llama has not; feature 1 says how probable the
end is behind each token, least behind the prompts', so that many answers are worth more than an immediate end.

A case is kept only where no decision was closer than MARGIN: neighbours among the best continuations, the test
whether a search is over, whether a finished answer is kept, and the last choice between answers. Rounding of fp32 is a
hundred times smaller, so another order of summation cannot change an answer.
"""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from transformers.generation.beam_search import BeamHypotheses

from gguf_llama import interleaved_rows

assert transformers.__version__ == "4.31.0", transformers.__version__
FIXTURES = Path(__file__).parent.parent / "Fixtures"
CASES, MARGIN = 200, 1e-4
LAYERS, HIDDEN, HEADS, KEY_HEADS, FEED_FORWARD, CONTEXT = 2, 48, 4, 2, 80, 128
EPSILON, BASE = 1e-6, 10000.0
CONSTANT, OTHERS, END_WEIGHTS, HEAD_SPREAD = 40, 3, (0.62, 0.09), 2.6
UNKNOWN, BEGIN, END = 0, 1, 2
# Printable ASCII is spelt as it is in byte-level vocabularies, a space as Ġ. One merge, because a file needs some.
TOKENS = ["<unk>", "<s>", "</s>", "Ġ", *map(chr, range(0x21, 0x7F)), "th"]
PROMPT_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def weights():
    random = np.random.default_rng(20)

    def matrix(rows, columns, deviation):
        return random.normal(0, deviation, (rows, columns)).astype(np.float32)

    def norm():
        # Feature 0 makes up most of the mean square: the others are brought back to about 1.
        values = (OTHERS + random.normal(0, 0.1, HIDDEN)).astype(np.float32)
        values[:2] = 1
        return values

    size, spread = HIDDEN // HEADS, 1.2 / np.sqrt(HIDDEN)
    embedding = matrix(len(TOKENS), HIDDEN, 1.0)
    embedding[:, 0] = CONSTANT
    embedding[:, 1] = random.uniform(-1, 1, len(TOKENS)) * CONSTANT
    embedding[[TOKENS.index(letter) for letter in PROMPT_LETTERS], 1] = -CONSTANT
    head = matrix(len(TOKENS), HIDDEN, HEAD_SPREAD / np.sqrt(HIDDEN))
    head[:, :2] = 0
    head[END] = 0
    head[END, :2] = END_WEIGHTS
    state = {"model.embed_tokens.weight": embedding, "model.norm.weight": norm(), "lm_head.weight": head}
    for layer in range(LAYERS):
        part = f"model.layers.{layer}."
        state[part + "input_layernorm.weight"] = norm()
        state[part + "self_attn.q_proj.weight"] = matrix(HEADS * size, HIDDEN, spread)
        state[part + "self_attn.k_proj.weight"] = matrix(KEY_HEADS * size, HIDDEN, spread)
        state[part + "self_attn.v_proj.weight"] = matrix(KEY_HEADS * size, HIDDEN, spread)
        state[part + "self_attn.o_proj.weight"] = matrix(HIDDEN, HEADS * size, spread)
        state[part + "post_attention_layernorm.weight"] = norm()
        state[part + "mlp.gate_proj.weight"] = matrix(FEED_FORWARD, HIDDEN, spread)
        state[part + "mlp.up_proj.weight"] = matrix(FEED_FORWARD, HIDDEN, spread)
        state[part + "mlp.down_proj.weight"] = matrix(HIDDEN, FEED_FORWARD, 1.2 / np.sqrt(FEED_FORWARD))
        for name in ["self_attn.o_proj", "mlp.down_proj"]:
            state[part + name + ".weight"][:2] = 0
        for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"]:
            state[part + name + ".weight"][:, :2] = 0
    return state


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def write_gguf(path, state):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("beam search, random weights")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(BASE)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", state["model.norm.weight"])
    writer.add_tensor("output.weight", state["lm_head.weight"])
    for layer in range(LAYERS):
        for source, target in NAMES.items():
            values = state[f"model.layers.{layer}.{source}.weight"]
            if target == "attn_q":
                values = interleaved_rows(values, HEADS)
            elif target == "attn_k":
                values = interleaved_rows(values, KEY_HEADS)
            writer.add_tensor(f"blk.{layer}.{target}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_model(state):
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=HIDDEN, intermediate_size=FEED_FORWARD, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, max_position_embeddings=CONTEXT,
        rms_norm_eps=EPSILON, bos_token_id=BEGIN, eos_token_id=END, pad_token_id=UNKNOWN)
    model = transformers.LlamaForCausalLM(config).to(torch.float32).eval()
    # The rotary frequencies are not weights.
    missing = model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=False)
    assert not missing.unexpected_keys and all("inv_freq" in name for name in missing.missing_keys), missing
    return model


class Margins:
    """The smallest distance of any decision since `reset`, and the end's probabilities, seen from outside."""

    def __init__(self):
        self.reset()
        self.ends = []
        self.smallest_of_kept = float("inf")
        topk, argmax = torch.topk, torch.argmax
        add, is_done = BeamHypotheses.add, BeamHypotheses.is_done
        log_softmax = torch.nn.functional.log_softmax

        def watched_topk(scores, count, **options):
            more = topk(scores, min(count + 1, scores.shape[-1]), **options)
            # Beams that do not exist yet have -1e9.
            self.see(*(-more.values[0].diff()).tolist())
            return topk(scores, count, **options)

        def watched_argmax(scores, *arguments, **options):
            self.see(*(-topk(scores, 2).values[0].diff()).tolist())
            return argmax(scores, *arguments, **options)

        def watched_add(hypotheses, ids, sum_logprobs, beam_indices=None):
            if len(hypotheses) >= hypotheses.num_beams:
                self.see(sum_logprobs / ids.shape[-1] ** hypotheses.length_penalty - hypotheses.worst_score)
            add(hypotheses, ids, sum_logprobs, beam_indices)
            best = sorted((beam[0] for beam in hypotheses.beams), reverse=True)
            self.last_choice = best[0] - best[1] if len(best) > 1 else float("inf")

        def watched_is_done(hypotheses, best_sum, length):
            if len(hypotheses) >= hypotheses.num_beams:
                self.see(hypotheses.worst_score - best_sum / length ** hypotheses.length_penalty)
            return is_done(hypotheses, best_sum, length)

        def watched_log_softmax(logits, *arguments, **options):
            result = log_softmax(logits, *arguments, **options)
            self.ends += result[:, END].exp().tolist()
            return result

        torch.topk, torch.argmax = watched_topk, watched_argmax
        BeamHypotheses.add, BeamHypotheses.is_done = watched_add, watched_is_done
        torch.nn.functional.log_softmax = watched_log_softmax

    def reset(self):
        self.smallest = self.last_choice = float("inf")

    def see(self, *distances):
        self.smallest = min(self.smallest, *map(abs, distances))

    def value(self):
        return min(self.smallest, self.last_choice)


def main():
    torch.set_num_threads(1)
    FIXTURES.mkdir(exist_ok=True)
    path = FIXTURES / "beam-search.gguf"
    state = weights()
    write_gguf(path, state)
    model = make_model(state)
    margins = Margins()
    cases, skipped, seed = [], 0, 0
    while len(cases) < CASES:
        index, seed = len(cases), seed + 1
        random = np.random.default_rng(seed)
        # Every combination in turn: 6 numbers of beams, 4 length penalties, 2 repetition penalties.
        beams = index % 6 + 1
        length_penalty = [-1.0, 0.0, 1.0, 2.0][index // 6 % 4]
        repetition_penalty = [1.0, 1.3][index // 24 % 2]
        limit = int(random.integers(4, 25))
        prompt = "".join(random.choice(list(PROMPT_LETTERS), int(random.integers(3, 21))))
        ids = torch.tensor([[TOKENS.index(letter) for letter in prompt]])
        margins.reset()
        with torch.no_grad():
            result = model.generate(
                inputs_embeds=model.get_input_embeddings()(ids), attention_mask=torch.ones_like(ids),
                num_beams=beams, length_penalty=length_penalty, repetition_penalty=repetition_penalty,
                max_new_tokens=limit, min_length=1, do_sample=False, use_cache=True)[0].tolist()
        if margins.value() < MARGIN:
            skipped += 1
            continue
        margins.smallest_of_kept = min(margins.smallest_of_kept, margins.value())
        assert result[0] == BEGIN and len(result) <= limit + 1
        cases.append({
            "prompt": prompt, "beams": beams, "length_penalty": length_penalty,
            "repetition_penalty": repetition_penalty, "limit": limit, "ids": result[1:],
        })
    ends = np.quantile(margins.ends, [0, 0.05, 0.5, 0.95, 1])
    finished = sum(case["ids"][-1] == END for case in cases)
    print(f"{skipped} near ties left out, smallest margin kept {margins.smallest_of_kept:.1e}")
    print(f"probability of the end: {np.round(ends, 3)} at quantiles 0, 5, 50, 95, 100%")
    print(f"{finished} answers ended; lengths", np.bincount([len(case["ids"]) for case in cases]))
    assert ends[1] >= 0.05 and ends[3] <= 0.30, "the end's probability must be 5-30% at nine steps of ten"
    assert 50 < finished < 190, finished
    golden = {
        "model_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "computed_by": f"transformers {transformers.__version__} generate(inputs_embeds=...), torch {torch.__version__}, fp32",
        "end_probability": [round(float(value), 4) for value in ends],
    }
    lines = json.dumps(golden, indent=1)[:-2] + ',\n "cases": [\n'
    lines += ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in cases) + "\n ]\n}\n"
    (FIXTURES / "beam-search.json").write_text(lines)


if __name__ == "__main__":
    main()

"""Speed of llama.cpp on one file, as JSON: what `bench speed` measures, measured of the peer.

usage: peer-speed.py MODEL PROMPT GENERATE DEPTH THREADS FLASH REPACK   (FLASH and REPACK are 0 or 1)

Run by bench-peers.py, each time as a process of its own, so that nothing of one run helps the next.
"""

import ctypes
import json
import sys
import time

began = time.perf_counter()
import llama_cpp as peer  # noqa: E402  (its loading belongs to the time to the first token)


def peak_memory():
    """Bytes that were in memory at most; what getrusage tells begins with what the parent process had."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main():
    path = sys.argv[1]
    prompt, generate, depth, threads, flash, repack = map(int, sys.argv[2:])
    silent = peer.llama_log_callback(lambda level, text, data: None)
    peer.llama_log_set(silent, ctypes.c_void_p())
    peer.llama_backend_init()
    loading = time.perf_counter()
    options = peer.llama_model_default_params()
    options.n_gpu_layers = 0
    if hasattr(options, "use_extra_bufts"):
        options.use_extra_bufts = bool(repack)
    model = peer.llama_model_load_from_file(path.encode(), options)
    if not model:
        sys.exit(f"{path}: the peer cannot load it")
    settings = peer.llama_context_default_params()
    settings.n_ctx = depth + max(prompt, generate) + 8
    settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = threads
    if hasattr(settings, "flash_attn_type"):
        settings.flash_attn_type = 1 if flash else 0
    else:
        settings.flash_attn = bool(flash)
    context = peer.llama_init_from_model(model, settings)
    if not context:
        sys.exit(f"{path}: the peer makes no context")
    size = peer.llama_vocab_n_tokens(peer.llama_model_get_vocab(model))
    loaded = time.perf_counter()

    batch = peer.llama_batch_init(512, 0, 1)

    def decode(first, count):
        """Takes the `count` tokens from position `first` on in, in batches; only the last one's logits are computed."""
        for start in range(0, count, 512):
            batch.n_tokens = min(512, count - start)
            for i in range(batch.n_tokens):
                position = first + start + i
                batch.token[i] = (position * 7919 + 13) % size
                batch.pos[i] = position
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = start + i == count - 1
            if peer.llama_decode(context, batch) != 0:
                sys.exit("the peer does not decode")

    def next_token():
        logits = peer.llama_get_logits_ith(context, -1)
        return max(range(0, size, 64), key=lambda i: logits[i])

    if depth:
        decode(0, depth)
        next_token()
    now = time.perf_counter()
    decode(depth, prompt)
    next_token()
    prefill = time.perf_counter() - now
    first_token = time.perf_counter() - began
    peer.llama_memory_seq_rm(peer.llama_get_memory(context), 0, depth, -1)
    now = time.perf_counter()
    for i in range(generate):
        decode(depth + i, 1)
    peer.llama_get_logits_ith(context, -1)
    decoding = time.perf_counter() - now
    print(
        json.dumps(
            {
                "load_seconds": loaded - loading,
                "first_token_seconds": first_token,
                "prefill_tokens_per_second": prompt / prefill,
                "decode_tokens_per_second": generate / decoding,
                "peak_rss_bytes": peak_memory(),
            }
        )
    )


main()

// Attention of one query over a cache of keys and values, and what a cache keeps of a row.

#ifndef EMU_EXACT_ATTENTION_H
#define EMU_EXACT_ATTENTION_H

#include "dequantize.h"
#include "lanes.h"
#include "row_kernels.h"

static void quantize(int32_t type, const float *values, void *out, size_t count) {
    if (type == EMU_F32) {
        memcpy(out, values, count * sizeof(float));
    } else if (type == EMU_F16) {
        for (size_t i = 0; i < count; i++) ((_Float16 *)out)[i] = (_Float16)values[i];
    } else if (type == EMU_Q8_0) {
        for (size_t b = 0; b < count / 32; b++) {
            const float *in = values + 32 * b;
            emu_block_q8_0 *block = (emu_block_q8_0 *)out + b;
            float greatest = 0;
            for (int i = 0; i < 32; i++) greatest = fmaxf(greatest, fabsf(in[i]));
            float inverse = greatest > 0 ? 127.0f / greatest : 0;
            _Float16 scale = (_Float16)(greatest / 127.0f);
            memcpy(&block->scale, &scale, sizeof scale);
            // Adding and subtracting 1.5·2^23 rounds to the nearest integer on every CPU alike.
            for (int i = 0; i < 32; i++) block->quants[i] = (int8_t)((in[i] * inverse + 12582912.0f) - 12582912.0f);
        }
    }
}

/// The features of a cached head as fp32: where they lie, or widened into `space`.
EMU_INLINE const float *cached_head(int32_t type, const uint8_t *head, size_t d, float *space) {
    if (type == EMU_F32) return (const float *)head;
    dequantize(type, head, space, d);
    return space;
}

/// scores[t] = q · keys[slots[t]] · scale, four keys at a time.
EMU_INLINE void score_keys(const float *q, int32_t type, const uint8_t *keys, const int32_t *slots, size_t length,
                           size_t slot_stride, size_t d, float scale, float *scores) {
    float space[EMU_MAX_HEAD_SIZE];
    size_t t = 0;
    for (; t + 4 <= length; t += 4) {
        lanes sums[4];
#pragma clang loop unroll(full)
        for (size_t i = 0; i < 4; i++) {
            sums[i] = dot_lanes(q, cached_head(type, keys + (size_t)slots[t + i] * slot_stride, d, space), d);
        }
        *(unaligned_four_floats *)(scores + t) = reduce_four(sums) * scale;
    }
    for (; t < length; t++) {
        scores[t] = reduce(dot_lanes(q, cached_head(type, keys + (size_t)slots[t] * slot_stride, d, space), d)) * scale;
    }
}

/// out[D] = Σ scores[t] · values[slots[t]], in the order of t.
EMU_INLINE void weighted_sum(int32_t type, const uint8_t *values, const int32_t *slots, size_t length, size_t slot_stride,
                             size_t d, const float *scores, float *out) {
    float space[EMU_MAX_HEAD_SIZE];
    lanes sums[EMU_MAX_HEAD_SIZE / LANES];
    size_t whole = d / LANES;
    memset(sums, 0, (whole + 1 < EMU_MAX_HEAD_SIZE / LANES ? whole + 1 : whole) * sizeof(lanes));
    for (size_t t = 0; t < length; t++) {
        const float *v = cached_head(type, values + (size_t)slots[t] * slot_stride, d, space);
        lanes weight = broadcast(scores[t]);
        for (size_t i = 0; i < whole; i++) sums[i] = fused(weight, load(v + i * LANES), sums[i]);
        if (d % LANES != 0) sums[whole] = fused(weight, load_rest(v + whole * LANES, d % LANES, 0), sums[whole]);
    }
    memcpy(out, sums, d * sizeof(float));
}

static void attend(const float *q, int32_t type, const uint8_t *keys, const uint8_t *values, const int32_t *slots,
                   size_t length, size_t slot_stride, size_t d, float scale, float *scores, float *out) {
    // The common head sizes as constants, so that their sums stay in registers.
    switch (d) {
    case 64: score_keys(q, type, keys, slots, length, slot_stride, 64, scale, scores); break;
    case 128: score_keys(q, type, keys, slots, length, slot_stride, 128, scale, scores); break;
    default: score_keys(q, type, keys, slots, length, slot_stride, d, scale, scores); break;
    }
    float greatest = -INFINITY;
    for (size_t t = 0; t < length; t++) greatest = scores[t] > greatest ? scores[t] : greatest;
    lanes sum = {0};
    size_t t = 0;
    for (; t + LANES <= length; t += LANES) {
        lanes e = exponential(load(scores + t) - greatest);
        store(scores + t, e);
        sum += e;
    }
    if (t < length) {
        lanes e = exponential(load_rest(scores + t, length - t, -INFINITY) - greatest);
        memcpy(scores + t, &e, (length - t) * sizeof(float));
        lanes kept = {0};
        memcpy(&kept, &e, (length - t) * sizeof(float));
        sum += kept;
    }
    float inverse = 1.0f / reduce(sum);
    switch (d) {
    case 64: weighted_sum(type, values, slots, length, slot_stride, 64, scores, out); break;
    case 128: weighted_sum(type, values, slots, length, slot_stride, 128, scores, out); break;
    default: weighted_sum(type, values, slots, length, slot_stride, d, scores, out); break;
    }
    for (size_t i = 0; i < d; i++) out[i] *= inverse;
}

#endif

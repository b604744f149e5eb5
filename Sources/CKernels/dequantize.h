// Dequantisation: value = scale * quant (+ minimum), each operation rounded, as the format defines it.

#ifndef EMU_DEQUANTIZE_H
#define EMU_DEQUANTIZE_H

#include "blocks.h"
#include "lanes.h"

EMU_INLINE lanes load_f16(const uint8_t *in) { return __builtin_convertvector(*(const unaligned_halves *)in, lanes); }

EMU_INLINE lanes load_bf16(const uint8_t *in) {
    return (lanes)(__builtin_convertvector(*(const unaligned_shorts *)in, word_lanes) << 16);
}

EMU_INLINE void widen_f16(const uint8_t *in, float *out, size_t count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(out + i, load_f16(in + 2 * i));
    for (; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, in + 2 * i, 2);
        out[i] = half_value(bits);
    }
}

EMU_INLINE void widen_bf16(const uint8_t *in, float *out, size_t count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(out + i, load_bf16(in + 2 * i));
    for (; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, in + 2 * i, 2);
        uint32_t word = (uint32_t)bits << 16;
        memcpy(out + i, &word, 4);
    }
}

/// The fifth bits of 16 weights as 0 or 16 per byte.
EMU_INLINE byte_lanes fifth_bits(uint32_t bits) {
    const byte_lanes masks = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8_t first = (uint8_t)bits, second = (uint8_t)(bits >> 8);
    byte_lanes v = {first, first, first, first, first, first, first, first,
                    second, second, second, second, second, second, second, second};
    return (byte_lanes)((v & masks) != 0) & 16;
}

EMU_INLINE void widen_q4_0(const emu_block_q4_0 *block, float *out) {
    byte_lanes quants = *(const unaligned_bytes *)block->quants;
    lanes scale = broadcast(half_value(block->scale));
    store(out, (from_bytes(quants & 15) - 8.0f) * scale);
    store(out + 16, (from_bytes(quants >> 4) - 8.0f) * scale);
}

EMU_INLINE void widen_q4_1(const emu_block_q4_1 *block, float *out) {
    byte_lanes quants = *(const unaligned_bytes *)block->quants;
    lanes scale = broadcast(half_value(block->scale)), minimum = broadcast(half_value(block->minimum));
    store(out, from_bytes(quants & 15) * scale + minimum);
    store(out + 16, from_bytes(quants >> 4) * scale + minimum);
}

EMU_INLINE void widen_q5_0(const emu_block_q5_0 *block, float *out) {
    byte_lanes quants = *(const unaligned_bytes *)block->quants;
    lanes scale = broadcast(half_value(block->scale));
    store(out, (from_bytes((quants & 15) | fifth_bits(block->high)) - 16.0f) * scale);
    store(out + 16, (from_bytes((quants >> 4) | fifth_bits(block->high >> 16)) - 16.0f) * scale);
}

EMU_INLINE void widen_q5_1(const emu_block_q5_1 *block, float *out) {
    byte_lanes quants = *(const unaligned_bytes *)block->quants;
    lanes scale = broadcast(half_value(block->scale)), minimum = broadcast(half_value(block->minimum));
    store(out, from_bytes((quants & 15) | fifth_bits(block->high)) * scale + minimum);
    store(out + 16, from_bytes((quants >> 4) | fifth_bits(block->high >> 16)) * scale + minimum);
}

EMU_INLINE void widen_q8_0(const emu_block_q8_0 *block, float *out) {
    lanes scale = broadcast(half_value(block->scale));
    for (int i = 0; i < 32; i += LANES) {
        store(out + i, __builtin_convertvector(*(const unaligned_signed_bytes *)(block->quants + i), lanes) * scale);
    }
}

/// Scale and minimum of group j (0...7) out of the 12 packed bytes of a K block.
EMU_INLINE void group_scale(const uint8_t *packed, int j, uint8_t *scale, uint8_t *minimum) {
    if (j < 4) {
        *scale = packed[j] & 63;
        *minimum = packed[j + 4] & 63;
    } else {
        *scale = (uint8_t)((packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4);
        *minimum = (uint8_t)((packed[j + 4] >> 4) | (packed[j] >> 6) << 4);
    }
}

/// Two groups of 32 weights share 32 bytes: lower nibbles first. `high` is NULL for four-bit blocks.
EMU_INLINE void widen_k_groups(uint16_t scale_bits, uint16_t minimum_bits, const uint8_t *packed, const uint8_t *quants,
                               const uint8_t *high, float *out) {
    float block_scale = half_value(scale_bits), block_minimum = half_value(minimum_bits);
    for (int group = 0; group < 8; group++) {
        uint8_t scale, minimum;
        group_scale(packed, group, &scale, &minimum);
        lanes s = broadcast(block_scale * (float)scale), m = broadcast(block_minimum * (float)minimum);
        for (int i = 0; i < 32; i += LANES) {
            byte_lanes q = *(const unaligned_bytes *)(quants + 32 * (group / 2) + i);
            q = group % 2 == 0 ? q & 15 : q >> 4;
            if (high != NULL) q |= (*(const unaligned_bytes *)(high + i) >> (uint8_t)group & 1) << 4;
            store(out + 32 * group + i, from_bytes(q) * s - m);
        }
    }
}

EMU_INLINE void widen_q6_k(const emu_block_q6_k *block, float *out) {
    float block_scale = half_value(block->scale);
    for (int group = 0; group < 8; group++) {
        // Group g of 32 weights: half g/4; nibbles of bytes 0-31 or 32-63; upper bits 2·(g%4) of its half's 32 bytes.
        const uint8_t *low = block->low + 64 * (group / 4) + 32 * (group % 2);
        const uint8_t *high = block->high + 32 * (group / 4);
        for (int i = 0; i < 32; i += LANES) {
            byte_lanes q = *(const unaligned_bytes *)(low + i);
            q = group % 4 < 2 ? q & 15 : q >> 4;
            q |= (*(const unaligned_bytes *)(high + i) >> (uint8_t)(2 * (group % 4)) & 3) << 4;
            lanes scale = broadcast(block_scale * (float)block->scales[2 * group + i / LANES]);
            store(out + 32 * group + i, (from_bytes(q) - 32.0f) * scale);
        }
    }
}

static void dequantize(int32_t type, const void *weights, float *out, size_t count) {
#define EACH_BLOCK(block_type, size, call)                                                                             \
    for (size_t b = 0; b < count / (size); b++) {                                                                      \
        const block_type *block = (const block_type *)weights + b;                                                     \
        float *values = out + b * (size);                                                                              \
        call;                                                                                                          \
    }                                                                                                                  \
    break
    switch (type) {
    case EMU_F32: memcpy(out, weights, count * sizeof(float)); break;
    case EMU_F16: widen_f16(weights, out, count); break;
    case EMU_BF16: widen_bf16(weights, out, count); break;
    case EMU_Q4_0: EACH_BLOCK(emu_block_q4_0, 32, widen_q4_0(block, values));
    case EMU_Q4_1: EACH_BLOCK(emu_block_q4_1, 32, widen_q4_1(block, values));
    case EMU_Q5_0: EACH_BLOCK(emu_block_q5_0, 32, widen_q5_0(block, values));
    case EMU_Q5_1: EACH_BLOCK(emu_block_q5_1, 32, widen_q5_1(block, values));
    case EMU_Q8_0: EACH_BLOCK(emu_block_q8_0, 32, widen_q8_0(block, values));
    case EMU_Q4_K:
        EACH_BLOCK(emu_block_q4_k, 256,
                   widen_k_groups(block->scale, block->minimum, block->scales, block->quants, NULL, values));
    case EMU_Q5_K:
        EACH_BLOCK(emu_block_q5_k, 256,
                   widen_k_groups(block->scale, block->minimum, block->scales, block->quants, block->high, values));
    case EMU_Q6_K: EACH_BLOCK(emu_block_q6_k, 256, widen_q6_k(block, values));
    default: memset(out, 0, count * sizeof(float)); break;
    }
#undef EACH_BLOCK
}

/// Bytes of `count` weights, a multiple of the type's block.
EMU_INLINE size_t type_bytes(int32_t type, size_t count) {
    switch (type) {
    case EMU_F32: return count * 4;
    case EMU_F16:
    case EMU_BF16: return count * 2;
    case EMU_Q4_0: return count / 32 * sizeof(emu_block_q4_0);
    case EMU_Q4_1: return count / 32 * sizeof(emu_block_q4_1);
    case EMU_Q5_0: return count / 32 * sizeof(emu_block_q5_0);
    case EMU_Q5_1: return count / 32 * sizeof(emu_block_q5_1);
    case EMU_Q8_0: return count / 32 * sizeof(emu_block_q8_0);
    case EMU_Q4_K: return count / 256 * sizeof(emu_block_q4_k);
    case EMU_Q5_K: return count / 256 * sizeof(emu_block_q5_k);
    case EMU_Q6_K: return count / 256 * sizeof(emu_block_q6_k);
    default: return 0;
    }
}

#endif

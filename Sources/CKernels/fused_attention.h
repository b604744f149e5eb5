// Attention over a cache in one pass, written once in Clang's vector extensions ("FlashAttention", algorithm 1, with
// the split over keys of "Flash-Decoding").
//
// Keys are taken in blocks of 16 and parts of EMU_ATTENTION_PART, always from the first on, and parts are merged in
// their order: a query's bits depend neither on the queries that share the pass nor on who computes which part.

#include "dequantize.h"
#include "packed.h"

enum { KEY_BLOCK = LANES };

EMU_INLINE float exponential_of(float x) { return exponential(broadcast(x))[0]; }

/// Lane t = the sum of the lanes of v[t].
EMU_INLINE lanes sum_each(const lanes *v) {
    lanes fours[4];
    for (int i = 0; i < 4; i++) {
        lanes ab[2];
        for (int j = 0; j < 2; j++) {
            lanes a = v[4 * i + 2 * j], b = v[4 * i + 2 * j + 1];
            ab[j] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
        }
        fours[i] = __builtin_shufflevector(ab[0], ab[1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                   __builtin_shufflevector(ab[0], ab[1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    lanes eights[2];
    for (int i = 0; i < 2; i++) {
        lanes a = fours[2 * i], b = fours[2 * i + 1];
        eights[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                    __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
    return __builtin_shufflevector(eights[0], eights[1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(eights[0], eights[1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/// One block's heads as fp32 rows of `width` lanes each, zero behind D and behind the last key.
EMU_INLINE void widen_block(const emu_attention_part *part, const uint8_t *cache, size_t first, size_t count,
                            size_t width, lanes *block) {
    bool is_half = part->type == EMU_F16 && part->d % LANES == 0;
    for (size_t t = 0; t < KEY_BLOCK; t++) {
        lanes *to = block + t * width;
        if (t >= count) {
            memset(to, 0, width * sizeof(lanes));
            continue;
        }
        // The usual type, without the call and the choice for every key.
        if (is_half) {
            const unaligned_halves *from =
                (const unaligned_halves *)(cache + (size_t)part->slots[first + t] * part->slot_stride);
            for (size_t i = 0; i < width; i++) to[i] = __builtin_convertvector(from[i], lanes);
            continue;
        }
        if (part->d % LANES != 0) to[width - 1] = (lanes){0};
        dequantize(part->type, cache + (size_t)part->slots[first + t] * part->slot_stride, (float *)to, part->d);
    }
}

/// One query against a block of widened keys and values; `count` keys of it are seen.
EMU_INLINE void attend_block(const lanes *q, const lanes *keys, const lanes *values, size_t width, size_t count,
                             float *greatest, float *sum, lanes *out) {
    lanes products[KEY_BLOCK];
#pragma clang loop unroll(full)
    for (int t = 0; t < KEY_BLOCK; t++) products[t] = q[0] * keys[(size_t)t * width];
    for (size_t i = 1; i < width; i++) {
#pragma clang loop unroll(full)
        for (int t = 0; t < KEY_BLOCK; t++) products[t] = fused(q[i], keys[(size_t)t * width + i], products[t]);
    }
    lanes scores = sum_each(products);
    if (count < KEY_BLOCK) {
        for (size_t t = count; t < KEY_BLOCK; t++) scores[t] = -INFINITY;
    }
    float block_greatest = __builtin_reduce_max(scores);
    if (block_greatest > *greatest) {
        float factor = *greatest == -INFINITY ? 0 : exponential_of(*greatest - block_greatest);
        *greatest = block_greatest;
        *sum *= factor;
        for (size_t i = 0; i < width; i++) out[i] *= factor;
    }
    lanes weights = exponential(scores - *greatest);
    if (count < KEY_BLOCK) {
        for (size_t t = count; t < KEY_BLOCK; t++) weights[t] = 0;
    }
    float each[KEY_BLOCK];
    memcpy(each, &weights, sizeof each);
    *sum += reduce(weights);
    for (size_t i = 0; i < width; i += 4) {
        size_t chunk = width - i < 4 ? width - i : 4;
        lanes sums[4];
        if (chunk == 4) {
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) sums[j] = out[i + (size_t)j];
#pragma clang loop unroll(full)
            for (int t = 0; t < KEY_BLOCK; t++) {
#pragma clang loop unroll(full)
                for (int j = 0; j < 4; j++) {
                    sums[j] = fused(broadcast(each[t]), values[(size_t)t * width + i + (size_t)j], sums[j]);
                }
            }
#pragma clang loop unroll(full)
            for (int j = 0; j < 4; j++) out[i + (size_t)j] = sums[j];
        } else {
            for (size_t j = 0; j < chunk; j++) {
                lanes total = out[i + j];
                for (int t = 0; t < KEY_BLOCK; t++) {
                    total = fused(broadcast(each[t]), values[(size_t)t * width + i + j], total);
                }
                out[i + j] = total;
            }
        }
    }
}

EMU_INLINE void attend_width(const emu_attention_part *part, size_t width) {
    size_t queries = part->rows * part->group;
    lanes keys[KEY_BLOCK * EMU_MAX_HEAD_SIZE / LANES], values[KEY_BLOCK * EMU_MAX_HEAD_SIZE / LANES];
    lanes q[EMU_ATTENTION_QUERIES * EMU_MAX_HEAD_SIZE / LANES], out[EMU_ATTENTION_QUERIES * EMU_MAX_HEAD_SIZE / LANES];
    memset(out, 0, queries * width * sizeof(lanes));
    for (size_t i = 0; i < queries; i++) {
        float *to = (float *)(q + i * width);
        const float *from = part->q + i / part->group * part->row_stride + i % part->group * part->d;
        for (size_t j = 0; j < width * LANES; j++) to[j] = j < part->d ? from[j] * part->scale : 0;
        part->greatest[i] = -INFINITY;
        part->sums[i] = 0;
    }
    size_t longest = 0;
    for (size_t r = 0; r < part->rows; r++) {
        if ((size_t)part->lengths[r] > longest) longest = (size_t)part->lengths[r];
    }
    size_t end = part->end < longest ? part->end : longest;
    for (size_t first = part->first; first < end; first += KEY_BLOCK) {
        size_t count = end - first < KEY_BLOCK ? end - first : KEY_BLOCK;
        widen_block(part, part->keys, first, count, width, keys);
        widen_block(part, part->values, first, count, width, values);
        for (size_t r = 0; r < part->rows; r++) {
            size_t length = (size_t)part->lengths[r];
            if (length <= first) continue;
            size_t seen = length - first < count ? length - first : count;
            for (size_t g = 0; g < part->group; g++) {
                size_t i = r * part->group + g;
                attend_block(q + i * width, keys, values, width, seen, part->greatest + i, part->sums + i,
                             out + i * width);
            }
        }
    }
    for (size_t i = 0; i < queries; i++) memcpy(part->out + i * part->d, out + i * width, part->d * sizeof(float));
}

static void attend_part(const emu_attention_part *part) {
    // The common head sizes as constants, so that their loops are unrolled.
    switch ((part->d + LANES - 1) / LANES) {
    case 4: attend_width(part, 4); break;
    case 8: attend_width(part, 8); break;
    default: attend_width(part, (part->d + LANES - 1) / LANES); break;
    }
}

/// Adds a part to what stands; both are [queries] and [queries, D].
static void merge_parts(size_t queries, size_t d, float *greatest, float *sums, float *out, const float *part_greatest,
                        const float *part_sums, const float *part_out) {
    for (size_t i = 0; i < queries; i++) {
        if (part_sums[i] == 0) continue;
        float top = part_greatest[i] > greatest[i] ? part_greatest[i] : greatest[i];
        float mine = greatest[i] == -INFINITY ? 0 : exponential_of(greatest[i] - top);
        float theirs = exponential_of(part_greatest[i] - top);
        sums[i] = fmaf(sums[i], mine, part_sums[i] * theirs);
        for (size_t j = 0; j < d; j++) out[i * d + j] = fmaf(out[i * d + j], mine, part_out[i * d + j] * theirs);
        greatest[i] = top;
    }
}

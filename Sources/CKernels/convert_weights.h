// Quantisation of weights for files: slower and more careful than that of the cache, and the same on every CPU.

#ifndef EMU_CONVERT_WEIGHTS_H
#define EMU_CONVERT_WEIGHTS_H

#include "blocks.h"
#include "dequantize.h"
#include "lanes.h"
#include "variant.h"

#include <stdbool.h>

/// Stores a number as fp16; false when it does not fit.
EMU_INLINE bool store_half(float value, void *out) {
    _Float16 half = (_Float16)value;
    memcpy(out, &half, sizeof half);
    return isfinite((float)half);
}

/// Rounds to the nearest integer, halves away from zero, as the formats' reference does.
EMU_INLINE float rounded_away(float x) {
    float size = fabsf(x), whole = floorf(size);
    // The doubled difference is exact, so 0.49999997 does not become 1.
    whole += floorf(2.0f * (size - whole));
    return copysignf(whole, x);
}

/// 1/x where that is a finite number, else 0: blocks that are zero, or as good as zero, become zero.
EMU_INLINE float inverse_or_zero(float x) {
    float inverse = 1.0f / x;
    return isfinite(inverse) ? inverse : 0;
}

/// Scale: the greatest magnitude over 127.
EMU_INLINE bool narrow_q8_0(const float *in, emu_block_q8_0 *block) {
    float greatest = 0;
    for (int i = 0; i < 32; i++) greatest = fabsf(in[i]) > greatest ? fabsf(in[i]) : greatest;
    float scale = greatest / 127.0f;
    float inverse = inverse_or_zero(scale);
    for (int i = 0; i < 32; i++) block->quants[i] = (int8_t)rounded_away(in[i] * inverse);
    return store_half(scale, &block->scale);
}

/// Scale: the value of greatest magnitude, with its sign, over -8, so that it is stored exactly.
EMU_INLINE bool narrow_q4_0(const float *in, emu_block_q4_0 *block) {
    float greatest = in[0];
    for (int i = 1; i < 32; i++) {
        if (fabsf(in[i]) > fabsf(greatest)) greatest = in[i];
    }
    float scale = greatest / -8.0f;
    double inverse = (double)inverse_or_zero(scale);
    uint8_t quants[32];
    for (int i = 0; i < 32; i++) {
        // In fp64, where the reference's fused and plain forms agree.
        double quant = trunc((double)in[i] * inverse + 8.5);
        quants[i] = (uint8_t)(quant < 0 ? 0 : quant > 15 ? 15 : quant);
    }
    for (int i = 0; i < 16; i++) block->quants[i] = (uint8_t)(quants[i] | quants[i + 16] << 4);
    return store_half(scale, &block->scale);
}

/// A group's line: value = scale * quant - minimum, both from 0.
typedef struct {
    float scale, minimum;
} group_line;

/// The line through 32 values with the least weighted square error, over several ways to share out the 16 quants.
///
/// For given quants the best line has a closed form (weighted linear regression); candidates differ in the step.
static group_line fit_group(const float *x) {
    float weights[32], low = 0, high = x[0];
    double square = 0;
    for (int i = 0; i < 32; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        square += (double)x[i] * x[i];
    }
    group_line best = {0, -low};
    if (!(high > low)) return best;
    // Large weights matter more to a product, small ones are many: a mean between the two.
    float mean = (float)sqrt(square / 32);
    double sum_w = 0, sum_x = 0;
    for (int i = 0; i < 32; i++) {
        weights[i] = mean + fabsf(x[i]);
        sum_w += weights[i];
        sum_x += (double)weights[i] * x[i];
    }
    double least = INFINITY;
    for (int candidate = 0; candidate <= 20; candidate++) {
        float inverse = (14.0f + 0.1f * (float)candidate) / (high - low);
        double sum_q = 0, sum_qq = 0, sum_xq = 0;
        float quants[32];
        for (int i = 0; i < 32; i++) {
            float quant = ((x[i] - low) * inverse + 12582912.0f) - 12582912.0f;
            quants[i] = quant > 15.0f ? 15.0f : quant;
            double wq = (double)weights[i] * quants[i];
            sum_q += wq;
            sum_qq += wq * quants[i];
            sum_xq += wq * x[i];
        }
        double determinant = sum_w * sum_qq - sum_q * sum_q;
        if (!(determinant > 0)) continue;
        double scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
        double offset = (sum_qq * sum_x - sum_q * sum_xq) / determinant;
        if (offset > 0) {
            // A minimum cannot lift values, so the line goes through zero.
            offset = 0;
            scale = sum_xq / sum_qq;
        }
        if (!(scale > 0)) continue;
        double error = 0;
        for (int i = 0; i < 32; i++) {
            double difference = scale * quants[i] + offset - x[i];
            error += weights[i] * difference * difference;
        }
        if (error < least) {
            least = error;
            best = (group_line){(float)scale, (float)-offset};
        }
    }
    return best;
}

EMU_INLINE uint8_t six_bits(float value, float inverse) {
    float quant = (value * inverse + 12582912.0f) - 12582912.0f;
    // The product of zero and infinity, for blocks as good as zero, is no number and becomes zero.
    return (uint8_t)(quant >= 63.0f ? 63.0f : quant > 0 ? quant : 0);
}

/// Eight groups, each with its line; the lines' numbers are stored in six bits of two block-wide scales.
static bool narrow_q4_k(const float *in, emu_block_q4_k *block) {
    group_line lines[8];
    float most_scale = 0, most_minimum = 0;
    for (int group = 0; group < 8; group++) {
        lines[group] = fit_group(in + 32 * group);
        most_scale = lines[group].scale > most_scale ? lines[group].scale : most_scale;
        most_minimum = lines[group].minimum > most_minimum ? lines[group].minimum : most_minimum;
    }
    bool fits = store_half(most_scale / 63.0f, &block->scale);
    fits &= store_half(most_minimum / 63.0f, &block->minimum);
    float inverse_scale = 63.0f * inverse_or_zero(most_scale);
    float inverse_minimum = 63.0f * inverse_or_zero(most_minimum);
    memset(block->scales, 0, sizeof block->scales);
    for (int group = 0; group < 8; group++) {
        uint8_t scale = six_bits(lines[group].scale, inverse_scale);
        uint8_t minimum = six_bits(lines[group].minimum, inverse_minimum);
        if (group < 4) {
            block->scales[group] |= scale;
            block->scales[group + 4] |= minimum;
        } else {
            block->scales[group + 4] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
            block->scales[group - 4] |= (uint8_t)((scale >> 4) << 6);
            block->scales[group] |= (uint8_t)((minimum >> 4) << 6);
        }
        // Quants are chosen for the line as it will be read, not as it was fitted.
        float step = half_value(block->scale) * (float)scale, base = half_value(block->minimum) * (float)minimum;
        float inverse = inverse_or_zero(step);
        for (int i = 0; i < 32; i++) {
            float quant = ((in[32 * group + i] + base) * inverse + 12582912.0f) - 12582912.0f;
            uint8_t bits = (uint8_t)(quant < 0 ? 0 : quant > 15.0f ? 15.0f : quant);
            uint8_t *byte = block->quants + 32 * (group / 2) + i;
            *byte = group % 2 == 0 ? bits : (uint8_t)(*byte | bits << 4);
        }
    }
    return fits;
}

/// Stores `count` finite values, a multiple of the type's block; false when a number does not fit the type.
static bool narrow(int32_t type, const float *values, uint8_t *out, size_t count) {
    bool fits = true;
    switch (type) {
    case EMU_F32: memcpy(out, values, count * sizeof(float)); break;
    case EMU_F16:
        for (size_t i = 0; i < count; i++) fits &= store_half(values[i], out + 2 * i);
        break;
    case EMU_Q8_0:
        for (size_t b = 0; b < count / 32; b++) fits &= narrow_q8_0(values + 32 * b, (emu_block_q8_0 *)out + b);
        break;
    case EMU_Q4_0:
        for (size_t b = 0; b < count / 32; b++) fits &= narrow_q4_0(values + 32 * b, (emu_block_q4_0 *)out + b);
        break;
    case EMU_Q4_K:
        for (size_t b = 0; b < count / 256; b++) fits &= narrow_q4_k(values + 256 * b, (emu_block_q4_k *)out + b);
        break;
    default: return false;
    }
    return fits;
}

static bool convert_weights(int32_t from, const uint8_t *in, int32_t to, uint8_t *out, size_t count) {
    float values[EMU_COLUMN_CHUNK];
    for (size_t done = 0; done < count; done += EMU_COLUMN_CHUNK) {
        size_t part = count - done < EMU_COLUMN_CHUNK ? count - done : EMU_COLUMN_CHUNK;
        dequantize(from, in + type_bytes(from, done), values, part);
        // Infinities and NaN have the greatest exponent.
        uint32_t greatest = 0, bits;
        for (size_t i = 0; i < part; i++) {
            memcpy(&bits, values + i, sizeof bits);
            bits &= 0x7FFFFFFF;
            greatest = bits > greatest ? bits : greatest;
        }
        if (greatest >= 0x7F800000 || !narrow(to, values, out + type_bytes(to, done), part)) return false;
    }
    return true;
}

#endif

// Kernels over pictures' activations, written once in Clang's vector extensions and compiled once per variant.
//
// Includers define EMU_SPATIAL_VARIANT and the tile EMU_OUTER_ROWS x EMU_OUTER_LANES that fits their registers. A tile
// only decides which sums run side by side, never the order inside one.

#include "lanes.h"
#include "spatial.h"

// ---------------------------------------------------------------------------------------------------------------
// GroupNorm

EMU_INLINE lanes load_part(const float *p, size_t count) {
    lanes v = {0};
    memcpy(&v, p, count * sizeof(float));
    return v;
}

static void channel_sums(const float *x, size_t rows, size_t channels, const float *mean, float *sums) {
    for (size_t c = 0; c < channels; c += LANES) {
        size_t count = channels - c < LANES ? channels - c : LANES;
        lanes sum = {0};
        lanes center = mean == NULL ? (lanes){0} : load_part(mean + c, count);
        for (size_t r = 0; r < rows; r++) {
            const float *from = x + r * channels + c;
            lanes v = count == LANES ? load(from) : load_part(from, count);
            if (mean == NULL) {
                sum += v;
            } else {
                lanes distance = v - center;
                sum = fused(distance, distance, sum);
            }
        }
        memcpy(sums + c, &sum, count * sizeof(float));
    }
}

EMU_INLINE lanes normalized(lanes x, lanes mean, lanes scale, lanes shift, bool silu) {
    lanes y = fused(x - mean, scale, shift);
    return silu ? y / (1.0f + exponential(-y)) : y;
}

static void normalize_rows(const float *x, size_t rows, size_t channels, const float *mean, const float *inverse,
                           const float *weight, const float *bias, bool silu, float *out) {
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * channels;
        float *to = out + r * channels;
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            lanes scale = load(inverse + c) * load(weight + c);
            store(to + c, normalized(load(from + c), load(mean + c), scale, load(bias + c), silu));
        }
        if (c < channels) {
            size_t count = channels - c;
            lanes scale = load_part(inverse + c, count) * load_part(weight + c, count);
            lanes y = normalized(load_part(from + c, count), load_part(mean + c, count), scale,
                                 load_part(bias + c, count), silu);
            memcpy(to + c, &y, count * sizeof(float));
        }
    }
}

static void gelu_gate_row(const float *x, size_t k, float *out) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(out + i, load(x + i) * defined_gelu(load(x + k + i)));
    if (i < k) {
        lanes result = load_part(x + i, k - i) * defined_gelu(load_part(x + k + i, k - i));
        memcpy(out + i, &result, (k - i) * sizeof(float));
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Attention without a mask

/// c[r, l] += Σ a[r, k] · b[k, l] over `count` k, for a tile of rows and sets of 16 columns.
EMU_INLINE void outer_tile(int rows, int sets, const float *a, size_t a_stride, const float *b, size_t b_stride,
                           size_t count, float *c, size_t c_stride) {
    lanes s[EMU_OUTER_ROWS][EMU_OUTER_LANES];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
        for (int l = 0; l < sets; l++) s[r][l] = load(c + (size_t)r * c_stride + (size_t)l * LANES);
    }
    for (size_t k = 0; k < count; k++) {
        lanes columns[EMU_OUTER_LANES];
#pragma clang loop unroll(full)
        for (int l = 0; l < sets; l++) columns[l] = load(b + k * b_stride + (size_t)l * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            lanes value = broadcast(a[(size_t)r * a_stride + k]);
#pragma clang loop unroll(full)
            for (int l = 0; l < sets; l++) s[r][l] = fused(value, columns[l], s[r][l]);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
        for (int l = 0; l < sets; l++) store(c + (size_t)r * c_stride + (size_t)l * LANES, s[r][l]);
    }
}

/// c[rows, columns] += a[rows, count] · b[count, columns]; columns in whole sets of 16.
EMU_INLINE void outer_product(size_t rows, size_t columns, const float *a, size_t a_stride, const float *b,
                              size_t b_stride, size_t count, float *c, size_t c_stride) {
    size_t l = 0;
    for (; l + EMU_OUTER_LANES * LANES <= columns; l += EMU_OUTER_LANES * LANES) {
        size_t r = 0;
        for (; r + EMU_OUTER_ROWS <= rows; r += EMU_OUTER_ROWS) {
            outer_tile(EMU_OUTER_ROWS, EMU_OUTER_LANES, a + r * a_stride, a_stride, b + l, b_stride, count,
                       c + r * c_stride + l, c_stride);
        }
        for (; r < rows; r++) {
            outer_tile(1, EMU_OUTER_LANES, a + r * a_stride, a_stride, b + l, b_stride, count, c + r * c_stride + l,
                       c_stride);
        }
    }
    for (; l < columns; l += LANES) {
        size_t r = 0;
        for (; r + EMU_OUTER_ROWS <= rows; r += EMU_OUTER_ROWS) {
            outer_tile(EMU_OUTER_ROWS, 1, a + r * a_stride, a_stride, b + l, b_stride, count, c + r * c_stride + l,
                       c_stride);
        }
        for (; r < rows; r++) {
            outer_tile(1, 1, a + r * a_stride, a_stride, b + l, b_stride, count, c + r * c_stride + l, c_stride);
        }
    }
}

/// Turns one query's products with a block of keys, of which `count` exist, into weights relative to the greatest so far;
/// what stands in `out` and `sum` is brought to the same measure.
EMU_INLINE void weigh(float *scores, size_t count, float *greatest, float *sum, float *out, size_t padded) {
    enum { SETS = EMU_WHOLE_KEYS / LANES };
    for (size_t t = count; t < EMU_WHOLE_KEYS; t++) scores[t] = -INFINITY;
    lanes s[SETS];
    lanes best = broadcast(-INFINITY);
    for (int i = 0; i < SETS; i++) {
        s[i] = load(scores + i * LANES);
        best = __builtin_elementwise_max(best, s[i]);
    }
    float block_greatest = __builtin_reduce_max(best);
    if (block_greatest > *greatest) {
        float factor = *greatest == -INFINITY ? 0 : exponential(broadcast(*greatest - block_greatest))[0];
        *greatest = block_greatest;
        *sum *= factor;
        for (size_t j = 0; j < padded; j += LANES) store(out + j, load(out + j) * factor);
    }
    lanes total = {0};
    for (int i = 0; i < SETS; i++) {
        lanes e = exponential(s[i] - *greatest);
        store(scores + i * LANES, e);
        if (count < EMU_WHOLE_KEYS) {
            for (size_t t = count > (size_t)i * LANES ? count - (size_t)i * LANES : 0; t < LANES; t++) e[t] = 0;
        }
        total += e;
    }
    *sum += reduce(total);
}

static void attend_whole(const emu_whole_part *part) {
    _Alignas(64) float q[EMU_WHOLE_QUERIES * EMU_MAX_WHOLE_HEAD], out[EMU_WHOLE_QUERIES * EMU_MAX_WHOLE_HEAD];
    _Alignas(64) float scores[EMU_WHOLE_QUERIES * EMU_WHOLE_KEYS];
    float greatest[EMU_WHOLE_QUERIES], sums[EMU_WHOLE_QUERIES];
    size_t rows = part->rows, d = part->d, padded = part->padded;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < d; i++) q[r * d + i] = part->q[r * part->stride + i] * part->scale;
        greatest[r] = -INFINITY;
        sums[r] = 0;
    }
    memset(out, 0, rows * padded * sizeof(float));
    for (size_t first = 0; first < part->m; first += EMU_WHOLE_KEYS) {
        size_t count = part->m - first < EMU_WHOLE_KEYS ? part->m - first : EMU_WHOLE_KEYS;
        memset(scores, 0, rows * EMU_WHOLE_KEYS * sizeof(float));
        outer_product(rows, EMU_WHOLE_KEYS, q, d, part->keys + first * d, EMU_WHOLE_KEYS, d, scores, EMU_WHOLE_KEYS);
        for (size_t r = 0; r < rows; r++) {
            weigh(scores + r * EMU_WHOLE_KEYS, count, greatest + r, sums + r, out + r * padded, padded);
        }
        outer_product(rows, padded, scores, EMU_WHOLE_KEYS, part->values + first * padded, padded, count, out, padded);
    }
    for (size_t r = 0; r < rows; r++) {
        float inverse = 1.0f / sums[r];
        for (size_t i = 0; i < d; i++) part->out[r * part->stride + i] = out[r * padded + i] * inverse;
    }
}

#include "winograd_kernels.h"

const emu_spatial_variant EMU_SPATIAL_VARIANT = {
    .channel_sums = channel_sums,
    .normalize_rows = normalize_rows,
    .gelu_gate_row = gelu_gate_row,
    .attend_whole = attend_whole,
    .winograd_values = winograd_values,
    .winograd_product = winograd_product,
};

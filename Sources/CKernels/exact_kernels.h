// The exact kernels, written once in Clang's vector extensions and compiled once per variant.
//
// Includers define EMU_VARIANT (a suffix) and the tile EMU_TILE_M x EMU_TILE_N that fits their registers. A tile only
// decides which dot products run side by side, never the order inside one.

#include "dequantize.h"
#include "lanes.h"
#include "variant.h"

#include "convert_weights.h"

// ---------------------------------------------------------------------------------------------------------------
// Products

/// Begins the sums of tile_m x tile_n dot products with `count` columns, or goes on with them; sums[n][m] at stride
/// EMU_PANEL.
EMU_INLINE void tile_product(int tile_m, int tile_n, const float *w, const float *x, size_t x_stride, size_t count,
                             bool begins, lanes *sums) {
    lanes s[EMU_TILE_M][EMU_TILE_N];
#pragma clang loop unroll(full)
    for (int m = 0; m < tile_m; m++) {
#pragma clang loop unroll(full)
        for (int n = 0; n < tile_n; n++) s[m][n] = begins ? (lanes){0} : sums[n * EMU_PANEL + m];
    }
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        lanes xs[EMU_TILE_N];
#pragma clang loop unroll(full)
        for (int n = 0; n < tile_n; n++) xs[n] = load(x + (size_t)n * x_stride + i);
#pragma clang loop unroll(full)
        for (int m = 0; m < tile_m; m++) {
            lanes ws = load(w + (size_t)m * EMU_COLUMN_CHUNK + i);
#pragma clang loop unroll(full)
            for (int n = 0; n < tile_n; n++) s[m][n] = fused(ws, xs[n], s[m][n]);
        }
    }
    if (i < count) {
        // The last columns of a width that is no multiple of 16: absent lanes add nothing.
        size_t rest = (count - i) * sizeof(float);
#pragma clang loop unroll(full)
        for (int m = 0; m < tile_m; m++) {
            lanes ws = {0};
            memcpy(&ws, w + (size_t)m * EMU_COLUMN_CHUNK + i, rest);
#pragma clang loop unroll(full)
            for (int n = 0; n < tile_n; n++) {
                lanes xs = {0};
                memcpy(&xs, x + (size_t)n * x_stride + i, rest);
                s[m][n] = fused(ws, xs, s[m][n]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int m = 0; m < tile_m; m++) {
#pragma clang loop unroll(full)
        for (int n = 0; n < tile_n; n++) sums[n * EMU_PANEL + m] = s[m][n];
    }
}

/// Some rows of x, at most EMU_TILE_N, against a panel.
EMU_INLINE void rows_product(int tile_n, const float *w, size_t panel, const float *x, size_t k, size_t count,
                             bool begins, lanes *sums) {
    size_t m = 0;
    for (; m + EMU_TILE_M <= panel; m += EMU_TILE_M) {
        tile_product(EMU_TILE_M, tile_n, w + m * EMU_COLUMN_CHUNK, x, k, count, begins, sums + m);
    }
    for (; m < panel; m++) tile_product(1, tile_n, w + m * EMU_COLUMN_CHUNK, x, k, count, begins, sums + m);
}

/// All rows of a panel against `rows` rows of x, over one chunk of columns. The panel's chunk stays in the nearest cache,
/// and each row of x passes by once.
EMU_INLINE void chunk_product(const float *w, size_t panel, const float *x, size_t k, size_t rows, size_t count,
                              bool begins, lanes *sums) {
    size_t n = 0;
    for (; n + EMU_TILE_N <= rows; n += EMU_TILE_N) {
        rows_product(EMU_TILE_N, w, panel, x + n * k, k, count, begins, sums + n * EMU_PANEL);
    }
    for (; n < rows; n++) rows_product(1, w, panel, x + n * k, k, count, begins, sums + n * EMU_PANEL);
}

/// out[0..<count] = the sums' totals, plus a bias.
EMU_INLINE void store_totals(const lanes *sums, size_t count, const float *bias, float *out) {
    size_t m = 0;
    for (; m + 4 <= count; m += 4) {
        four_floats total = reduce_four(sums + m);
        if (bias != NULL) total += *(const unaligned_four_floats *)(bias + m);
        *(unaligned_four_floats *)(out + m) = total;
    }
    for (; m < count; m++) out[m] = bias == NULL ? reduce(sums[m]) : reduce(sums[m]) + bias[m];
}

/// Sixteen weights of a type that is not in blocks.
EMU_INLINE lanes load_weights(int32_t type, const uint8_t *weights) {
    switch (type) {
    case EMU_F16: return load_f16(weights);
    case EMU_BF16: return load_bf16(weights);
    default: return load((const float *)weights);
    }
}

/// sums[r] = row r of the weights times x.
EMU_INLINE void stream_rows(size_t rows, int32_t type, const uint8_t *weights, size_t row_bytes, size_t k,
                            const float *x, lanes *sums) {
    const size_t step = type_bytes(type, LANES);
    lanes s[EMU_PANEL] = {{0}};
    for (size_t i = 0; i < k; i += LANES, weights += step) {
        lanes xs = load(x + i);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
            // The next rows' weights: the CPU begins anew to guess with every row.
            __builtin_prefetch(weights + (rows + r) * row_bytes, 0, 0);
            s[r] = fused(load_weights(type, weights + r * row_bytes), xs, s[r]);
        }
    }
    memcpy(sums, s, rows * sizeof *s);
}

/// A panel times one row of x, whose weights are read once and never again: they are widened on the way.
EMU_INLINE void streamed_product(int32_t type, const uint8_t *weights, size_t row_bytes, const float *bias,
                                 size_t panel, size_t k, const float *x, float *out) {
    enum { ROWS = 4 };
    lanes sums[EMU_PANEL];
    size_t m = 0;
    for (; m + ROWS <= panel; m += ROWS) stream_rows(ROWS, type, weights + m * row_bytes, row_bytes, k, x, sums + m);
    for (; m < panel; m++) stream_rows(1, type, weights + m * row_bytes, row_bytes, k, x, sums + m);
    store_totals(sums, panel, bias, out);
}

static void panel_product(int32_t type, const uint8_t *weights, size_t row_bytes, const float *bias, size_t panel,
                          size_t k, const float *x, size_t n, float *out, size_t out_stride) {
    if (n == 1 && k % LANES == 0) {
        switch (type) {
#define EACH(name) case name: streamed_product(name, weights, row_bytes, bias, panel, k, x, out); return
        EACH(EMU_F32);
        EACH(EMU_F16);
        EACH(EMU_BF16);
#undef EACH
        default: break;
        }
    }
    _Alignas(64) float widened[EMU_PANEL * EMU_COLUMN_CHUNK];
    _Alignas(64) lanes sums[EMU_ROW_BLOCK * EMU_PANEL];
    for (size_t first = 0; first < n; first += EMU_ROW_BLOCK) {
        size_t rows = n - first < EMU_ROW_BLOCK ? n - first : EMU_ROW_BLOCK;
        for (size_t column = 0; column < k; column += EMU_COLUMN_CHUNK) {
            size_t count = k - column < EMU_COLUMN_CHUNK ? k - column : EMU_COLUMN_CHUNK;
            size_t offset = type_bytes(type, column);
            for (size_t m = 0; m < panel; m++) {
                dequantize(type, weights + m * row_bytes + offset, widened + m * EMU_COLUMN_CHUNK, count);
            }
            chunk_product(widened, panel, x + first * k + column, k, rows, count, column == 0, sums);
        }
        for (size_t row = 0; row < rows; row++) {
            store_totals(sums + row * EMU_PANEL, panel, bias, out + (first + row) * out_stride);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Row operations

/// Lanes from `count` < 16 values, the rest filled.
EMU_INLINE lanes load_rest(const float *p, size_t count, float fill) {
    lanes v = broadcast(fill);
    memcpy(&v, p, count * sizeof(float));
    return v;
}

/// A dot product before its lanes are added.
EMU_INLINE lanes dot_lanes(const float *a, const float *b, size_t count) {
    lanes sum = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) sum = fused(load(a + i), load(b + i), sum);
    if (i < count) sum = fused(load_rest(a + i, count - i, 0), load_rest(b + i, count - i, 0), sum);
    return sum;
}

static void rms_norm_row(const float *x, const float *weight, float epsilon, size_t k, float *out) {
    float mean = reduce(dot_lanes(x, x, k)) / (float)k;
    float scale = 1.0f / sqrtf(mean + epsilon);
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(out + i, load(x + i) * scale * load(weight + i));
    for (; i < k; i++) out[i] = x[i] * scale * weight[i];
}

static void layer_norm_row(const float *x, const float *weight, const float *bias, float epsilon, size_t k, float *out) {
    lanes sums = {0};
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) sums += load(x + i);
    if (i < k) sums += load_rest(x + i, k - i, 0);
    float mean = reduce(sums) / (float)k;
    // In two passes: the square of a large mean would swallow a small variance.
    lanes squares = {0};
    for (i = 0; i + LANES <= k; i += LANES) {
        lanes distance = load(x + i) - mean;
        squares = fused(distance, distance, squares);
    }
    if (i < k) {
        lanes distance = load_rest(x + i, k - i, mean) - mean;
        squares = fused(distance, distance, squares);
    }
    float scale = 1.0f / sqrtf(reduce(squares) / (float)k + epsilon);
    for (i = 0; i + LANES <= k; i += LANES) {
        store(out + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
    }
    for (; i < k; i++) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

/// x[i] = function(x[i])
EMU_INLINE void map_row(float *x, size_t k, lanes (*function)(lanes)) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(x + i, function(load(x + i)));
    if (i < k) {
        lanes result = function(load_rest(x + i, k - i, 0));
        memcpy(x + i, &result, (k - i) * sizeof(float));
    }
}

/// gate[i] = function(gate[i]) · up[i]
EMU_INLINE void map_gate(float *gate, const float *up, size_t k, lanes (*function)(lanes)) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(gate + i, function(load(gate + i)) * load(up + i));
    if (i < k) {
        lanes result = function(load_rest(gate + i, k - i, 0)) * load_rest(up + i, k - i, 0);
        memcpy(gate + i, &result, (k - i) * sizeof(float));
    }
}

EMU_INLINE lanes silu(lanes x) { return x / (1.0f + exponential(-x)); }

static void silu_multiply_row(float *gate, const float *up, size_t k) { map_gate(gate, up, k, silu); }

/// The tanh form of GELU: x·(1 + tanh u)/2 = x·sigmoid(2u), u = √(2/π)·(x + 0.044715·x³).
EMU_INLINE lanes tanh_gelu(lanes x) {
    lanes u = 1.5957691216057308f * (x + 0.044715f * x * x * x);
    return x / (1.0f + exponential(-u));
}

static void gelu_multiply_row(float *gate, const float *up, size_t k) { map_gate(gate, up, k, tanh_gelu); }

static void gelu_row(float *x, size_t k) { map_row(x, k, defined_gelu); }

EMU_INLINE lanes quick_gelu(lanes x) { return x / (1.0f + exponential(-1.702f * x)); }

static void quick_gelu_row(float *x, size_t k) { map_row(x, k, quick_gelu); }

/// cap·tanh(x / cap), from tanh y = 1 - 2 / (e^2y + 1).
EMU_INLINE lanes capped(lanes x, float cap) {
    return cap - 2.0f * cap / (exponential(2.0f * x / cap) + 1.0f);
}

static void soft_cap_row(float *x, float cap, size_t k) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(x + i, capped(load(x + i), cap));
    if (i < k) {
        lanes result = capped(load_rest(x + i, k - i, 0), cap);
        memcpy(x + i, &result, (k - i) * sizeof(float));
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Attention over a cache

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

/// exp((x - greatest) / temperature) lane by lane, into `weights` unless NULL; summed in double precision.
EMU_INLINE double exponential_sum(const float *x, size_t count, float greatest, float inverse, float *weights) {
    double_lanes sums = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        lanes e = exponential((load(x + i) - greatest) * inverse);
        if (weights != NULL) store(weights + i, e);
        sums += __builtin_convertvector(e, double_lanes);
    }
    double part[LANES];
    memcpy(part, &sums, sizeof part);
    if (i < count) {
        lanes e = exponential((load_rest(x + i, count - i, greatest) - greatest) * inverse);
        float rest[LANES];
        memcpy(rest, &e, sizeof rest);
        if (weights != NULL) memcpy(weights + i, rest, (count - i) * sizeof(float));
        for (size_t j = 0; j < count - i; j++) part[j] += (double)rest[j];
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) part[j] += part[j + half];
    }
    return part[0];
}

/// The greatest of `count` values; NaN when one of them is NaN, minus infinity when there are none.
static float greatest_value(const float *x, size_t count) {
    lanes best = broadcast(-INFINITY);
    int_lanes odd = {0};
    size_t i = 0;
    for (; i < count; i += LANES) {
        lanes v = count - i < LANES ? load_rest(x + i, count - i, -INFINITY) : load(x + i);
        odd |= v != v;
        best = __builtin_elementwise_max(best, v);
    }
    float greatest = -INFINITY;
    for (int j = 0; j < LANES; j++) {
        if (odd[j]) return NAN;
        if (best[j] > greatest) greatest = best[j];
    }
    return greatest;
}

static double softmax_weights(const float *x, size_t count, float temperature, float *weights, float *greatest) {
    *greatest = greatest_value(x, count);
    if (!isfinite(*greatest)) return *greatest;
    return exponential_sum(x, count, *greatest, 1.0f / temperature, weights);
}

const emu_variant EMU_VARIANT = {
    .name = EMU_VARIANT_NAME,
    .dequantize = dequantize,
    .panel_product = panel_product,
    .rms_norm_row = rms_norm_row,
    .layer_norm_row = layer_norm_row,
    .quantize = quantize,
    .convert_weights = convert_weights,
    .attend = attend,
    .silu_multiply_row = silu_multiply_row,
    .gelu_multiply_row = gelu_multiply_row,
    .gelu_row = gelu_row,
    .quick_gelu_row = quick_gelu_row,
    .soft_cap_row = soft_cap_row,
    .softmax_weights = softmax_weights,
};

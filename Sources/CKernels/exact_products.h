// Exact products: panels of weights, widened to fp32, times rows of x. A tile of EMU_TILE_M x EMU_TILE_N only decides
// which dot products run side by side, never the order inside one.

#ifndef EMU_EXACT_PRODUCTS_H
#define EMU_EXACT_PRODUCTS_H

#include "dequantize.h"
#include "lanes.h"
#include "variant.h"

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

#endif

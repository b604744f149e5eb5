// Products of packed weights with narrowed activations, written once in Clang's vector extensions.
//
// Includers define EMU_PACKED_VARIANT, EMU_PACKED_NAME, EMU_TILE_ROWS (activation rows that share a register of
// weights, or a tile of the CPU's where EMU_HAS_MATRIX_PRODUCTS), and three steps:
//   dot_unsigned(sums, w, a): sums[i] += Σ w[4i+j]·a[j], w unsigned, a four signed bytes; where EMU_SHORT_SUMS in two
//                             halves of 16 bits, which add_short_sums adds to sums of 32 behind a block
//   dot_biased(sums, w, a):   the same for w + 128 as unsigned bytes; whether the bias is in the sums tells
//   EMU_BIAS_IN_SUMS
//   dot_bf16(sums, w, a):     sums[i] += Σ w[2i+j]·a[j], j = 0, 1, in bf16
// A block's products are integers, hence exact; blocks are added in their order. So a row's bits depend neither on the
// other rows nor on how many share a pass.

#include "fused_attention.h"
#include "packed.h"

typedef uint8_t byte_row __attribute__((vector_size(64)));
typedef uint8_t unaligned_byte_row __attribute__((vector_size(64), aligned(1)));
typedef uint16_t short_row __attribute__((vector_size(64)));

EMU_INLINE int32_t load_word(const void *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

EMU_INLINE lanes load_scales(const uint8_t *p) { return __builtin_convertvector(*(const unaligned_halves *)p, lanes); }
EMU_INLINE int_lanes spread(int32_t value) { return value - (int_lanes){0}; }
EMU_INLINE lanes to_float(int_lanes v) { return __builtin_convertvector(v, lanes); }

#include EMU_PACKED_STEPS

/// Rounds values · inverse into one term of a block: quants, scale and sums; returns the sum of the quants. Leaves in
/// `values` what is left over.
EMU_INLINE int32_t narrow_term(lanes values[2], float inverse, float scale, const emu_narrowed *term, size_t at) {
    typedef int8_t signed_bytes __attribute__((vector_size(16)));
    signed_bytes bytes[2];
    int32_t sums[2];
    for (int half = 0; half < 2; half++) {
        // Adding and subtracting 1.5·2^23 rounds to the nearest integer on every CPU alike.
        lanes rounded = (values[half] * inverse + 12582912.0f) - 12582912.0f;
        int_lanes quants = __builtin_convertvector(rounded, int_lanes);
        bytes[half] = __builtin_convertvector(quants, signed_bytes);
        sums[half] = __builtin_reduce_add(quants);
        values[half] = fused(-rounded, broadcast(scale), values[half]);
    }
    memcpy(term->quants + at * EMU_PACK_COLUMNS, bytes, sizeof bytes);
    int32_t sum = sums[0] + sums[1];
    term->scales[at] = scale;
    term->negative_8[at] = sum * -8;
    term->negative_128[at] = sum * -128;
    term->first_negative_128[at] = sums[0] * -128;
    return sum;
}

EMU_INLINE void clear_term(const emu_narrowed *term, size_t at) {
    memset(term->quants + at * EMU_PACK_COLUMNS, 0, EMU_PACK_COLUMNS);
    term->scales[at] = 0;
    term->negative_8[at] = term->negative_128[at] = term->first_negative_128[at] = 0;
}

/// A block of a row whose root mean square, times EMU_SECOND_TERM_ABOVE, is `limit`.
EMU_INLINE void narrow_block(const float *x, float limit, const emu_activations *a, size_t at) {
    lanes values[2] = {load(x), load(x + LANES)};
    // Of magnitudes the bits have the order of the numbers, and what is no number comes last.
    int_lanes bits[2];
    for (int half = 0; half < 2; half++) bits[half] = (int_lanes)values[half] & 0x7fffffff;
    int32_t greatest_bits = __builtin_reduce_max(__builtin_elementwise_max(bits[0], bits[1]));
    float greatest;
    memcpy(&greatest, &greatest_bits, sizeof greatest);
    bool finite = greatest_bits < 0x7f800000;
    // What is smaller has no inverse.
    bool counts = finite && greatest > 1e-30f;
    // What is no number makes the product none.
    float scale = finite ? (counts ? greatest / 127.0f : 0) : NAN;
    float sum = (float)narrow_term(values, counts ? 127.0f / greatest : 0, scale, a->terms, at);
    bool second = counts && greatest > limit;
    a->has_second[at] = second;
    a->value_sums[at] = scale * sum;
    if (second) {
        // At most half of the first term's scale is left.
        float rest_scale = scale / 254.0f;
        float rest = (float)narrow_term(values, 254.0f * 127.0f / greatest, rest_scale, a->terms + 1, at);
        a->value_sums[at] = fmaf(rest_scale, rest, scale * sum);
    } else {
        // Rows of the same tile may have one.
        clear_term(a->terms + 1, at);
    }
}

EMU_INLINE float root_mean_square(const float *x, size_t count) {
    lanes sum = {0};
    for (size_t i = 0; i < count; i += LANES) {
        lanes values = load(x + i);
        sum = fused(values, values, sum);
    }
    return sqrtf(reduce(sum) / (float)count);
}

static void narrow_row(const float *x, const emu_activations *a, size_t row, bool quants, bool halves) {
    emu_tile tile = tile_of_row(a, row);
    size_t place = row - tile.first;
    if (quants) {
        float limit = EMU_SECOND_TERM_ABOVE * root_mean_square(x, a->k);
        for (size_t b = 0; b < a->blocks; b++) {
            narrow_block(x + b * EMU_PACK_COLUMNS, limit, a, tile.first * a->blocks + b * tile.rows + place);
        }
    }
    // Values of one row that lie together; then come those of the next row of the tile.
    const size_t together = EMU_HAS_MATRIX_PRODUCTS ? EMU_PACK_COLUMNS : 2;
    uint16_t *out = a->halves + tile.first * a->k + place * together;
    for (size_t i = 0; halves && i < a->k; i += together) {
        for (size_t j = 0; j < together; j++) out[i * tile.rows + j] = to_bf16(x[i + j]);
    }
}

/// One block of four-bit quants times a tile: dots[r] += Σ quant · x.
EMU_INLINE void four_bit_dots(int rows, const uint8_t *quants, const int8_t *x, int_lanes *dots) {
    int_lanes sums[EMU_TILE_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r] = EMU_SHORT_SUMS ? (int_lanes){0} : dots[r];
#pragma clang loop unroll(full)
    for (int step = 0; step < 4; step++) {
        byte_row both = *(const byte_row *)(quants + step * 64);
        byte_row low = both & 15, high = both >> 4;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sums[r] = dot_unsigned(sums[r], low, load_word(x + r * EMU_PACK_COLUMNS + 4 * step));
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            sums[r] = dot_unsigned(sums[r], high, load_word(x + r * EMU_PACK_COLUMNS + 16 + 4 * step));
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
#if EMU_SHORT_SUMS
        dots[r] = add_short_sums(dots[r], sums[r]);
#else
        dots[r] = sums[r];
#endif
    }
}

/// Four of the eight steps of a block of eight-bit quants times a tile: dots[r] += Σ (quant - 128) · x.
EMU_INLINE void eight_bit_dots(int rows, const uint8_t *quants, const int8_t *x, int_lanes *dots) {
#pragma clang loop unroll(full)
    for (int step = 0; step < 4; step++) {
        byte_row w = *(const byte_row *)(quants + step * 64);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            dots[r] = dot_biased(dots[r], w, load_word(x + r * EMU_PACK_COLUMNS + 4 * step));
        }
    }
}

/// sums[r] += the products of one block of a panel with one term of a tile, without the layout's minimum; `at` is the
/// block's place in the tile's arrays.
EMU_INLINE void term_product(emu_layout layout, int rows, const uint8_t *quants, const uint8_t *scales,
                             const uint8_t *more_scales, const emu_narrowed *term, size_t at, lanes *sums) {
    int_lanes dots[EMU_TILE_ROWS];
    const int8_t *x = term->quants + at * EMU_PACK_COLUMNS;
    bool is_four_bit = layout == EMU_LAYOUT_4 || layout == EMU_LAYOUT_4_MINIMUM;
    const int32_t *bias = is_four_bit                          ? term->negative_8 + at
                          : layout == EMU_LAYOUT_8_HALVES ? term->first_negative_128 + at
                                                               : term->negative_128 + at;
    bool is_biased = is_four_bit ? layout == EMU_LAYOUT_4 : EMU_BIAS_IN_SUMS;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) dots[r] = spread(is_biased ? bias[r] : 0);
    lanes scale = load_scales(scales);
    if (is_four_bit) {
        four_bit_dots(rows, quants, x, dots);
    } else {
        eight_bit_dots(rows, quants, x, dots);
        if (layout == EMU_LAYOUT_8_HALVES) {
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                sums[r] = fused(to_float(dots[r]), scale * term->scales[at + r], sums[r]);
                dots[r] = spread(EMU_BIAS_IN_SUMS ? term->negative_128[at + r] - bias[r] : 0);
            }
            scale = load_scales(more_scales);
        }
        eight_bit_dots(rows, quants + 256, x + 16, dots);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r] = fused(to_float(dots[r]), scale * term->scales[at + r], sums[r]);
}

/// Whether one of the rows of a tile has a second term in a block. A row that has none gains zero by it, so that its
/// bits do not depend on the others.
EMU_INLINE bool any_second(int rows, const uint8_t *has_second) {
    uint64_t words[2] = {0};
    _Static_assert(EMU_TILE_ROWS <= sizeof words, "a tile's flags are read at once");
    memcpy(words, has_second, (size_t)rows);
    return (words[0] | words[1]) != 0;
}

/// sums[r] += the products of one block of a panel with a tile, `at` being the block's place in the tile's arrays.
EMU_INLINE void block_product(emu_layout layout, int rows, const uint8_t *quants, const uint8_t *scales,
                              const uint8_t *more_scales, const emu_activations *a, size_t at, lanes *sums) {
    term_product(layout, rows, quants, scales, more_scales, a->terms, at, sums);
    if (__builtin_expect(any_second(rows, a->has_second + at), 0)) {
        term_product(layout, rows, quants, scales, more_scales, a->terms + 1, at, sums);
    }
    if (layout == EMU_LAYOUT_4_MINIMUM || layout == EMU_LAYOUT_8_MINIMUM) {
        lanes minimum = load_scales(more_scales);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) sums[r] = fused(minimum, broadcast(a->value_sums[at + r]), sums[r]);
    }
}

/// One panel times the tile of `rows` rows from `first` on.
EMU_INLINE void tile_product(emu_layout layout, int rows, const uint8_t *panel, const emu_activations *a, size_t first,
                             lanes *result) {
    lanes sums[EMU_TILE_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r] = (lanes){0};
    if (layout == EMU_LAYOUT_BF16) {
        const uint16_t *x = a->halves + first * a->k;
        for (size_t i = 0; i < a->k; i += 2) {
            short_row w = *(const short_row *)(panel + i * EMU_PACK_ROWS * 2);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) sums[r] = dot_bf16(sums[r], w, load_word(x + i * rows + 2 * r));
        }
    } else {
        const size_t quant_bytes = layout_quant_bytes(layout);
        const uint8_t *scales = panel + a->blocks * quant_bytes;
        const uint8_t *more_scales = scales + a->blocks * EMU_SCALES_BYTES;
        for (size_t b = 0; b < a->blocks; b++) {
            block_product(layout, rows, panel + b * quant_bytes, scales + b * EMU_SCALES_BYTES,
                          more_scales + b * EMU_SCALES_BYTES, a, first * a->blocks + b * rows, sums);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) result[r] = sums[r];
}

/// out[N, 0..<rows] of sums[N], plus a bias; rows behind a panel's do not matter.
EMU_INLINE void store_rows(const lanes *sums, size_t n, const float *bias, size_t rows, float *out, size_t out_stride) {
    for (size_t r = 0; r < n; r++) {
        float *to = out + r * out_stride;
        if (rows >= EMU_PACK_ROWS) {
            store(to, bias == NULL ? sums[r] : sums[r] + load(bias));
        } else {
            for (size_t m = 0; m < rows; m++) to[m] = bias == NULL ? sums[r][m] : sums[r][m] + bias[m];
        }
    }
}

/// One panel times the rows from `first` on.
EMU_INLINE void panel_of_layout(emu_layout layout, const uint8_t *panel, const emu_activations *a, size_t first,
                                const float *bias, size_t rows, float *out, size_t out_stride) {
    emu_tile tile;
    for (; first < a->n; first += tile.rows) {
        lanes result[EMU_TILE_ROWS];
        tile = tile_of_row(a, first);
        switch (tile.rows) {
#if !EMU_HAS_MATRIX_PRODUCTS
        case EMU_TILE_ROWS: tile_product(layout, EMU_TILE_ROWS, panel, a, first, result); break;
#endif
#if EMU_TILE_ROWS > 8
        case 8: tile_product(layout, 8, panel, a, first, result); break;
#endif
#if EMU_TILE_ROWS > 4
        case 4: tile_product(layout, 4, panel, a, first, result); break;
#endif
#if EMU_TILE_ROWS > 2
        case 2: tile_product(layout, 2, panel, a, first, result); break;
#endif
        default: tile_product(layout, 1, panel, a, first, result); break;
        }
        store_rows(result, tile.rows, bias, rows, out + first * out_stride, out_stride);
    }
}

#if EMU_HAS_MATRIX_PRODUCTS
#include "matrix_bf16.h"
#include "matrix_bytes.h"
#endif

EMU_INLINE void panels_of_layout(emu_layout layout, const uint8_t *panel, const emu_activations *a, const float *bias,
                                 size_t rows, float *out, size_t out_stride) {
    const size_t panel_bytes = layout_panel_bytes(layout, a->blocks);
    size_t first = 0;
#if EMU_HAS_MATRIX_PRODUCTS
    if (layout == EMU_LAYOUT_BF16 || a->widens) {
        bf16_panels(layout, panel, panel_bytes, a, bias, rows, out, out_stride);
        return;
    }
    first = a->n / MATRIX_ROWS * MATRIX_ROWS;
    if (first > 0) byte_panels(layout, panel, panel_bytes, a, bias, rows, out, out_stride);
#endif
    for (size_t row = 0; row < rows && first < a->n; row += EMU_PACK_ROWS) {
        panel_of_layout(layout, panel + row / EMU_PACK_ROWS * panel_bytes, a, first, bias == NULL ? NULL : bias + row,
                        rows - row, out + row, out_stride);
    }
}

static void panels_product(emu_layout layout, const uint8_t *panel, const emu_activations *a, const float *bias,
                           size_t rows, float *out, size_t out_stride) {
    switch (layout) {
#define EACH(name) case name: panels_of_layout(name, panel, a, bias, rows, out, out_stride); break
    EACH(EMU_LAYOUT_4);
    EACH(EMU_LAYOUT_4_MINIMUM);
    EACH(EMU_LAYOUT_8);
    EACH(EMU_LAYOUT_8_MINIMUM);
    EACH(EMU_LAYOUT_8_HALVES);
    EACH(EMU_LAYOUT_BF16);
#undef EACH
    case EMU_LAYOUT_NONE: break;
    }
}

#include "limits.h"

const emu_packed_variant EMU_PACKED_VARIANT = {
    .name = EMU_PACKED_NAME,
    .tile_rows = EMU_TILE_ROWS,
    .narrow_row = narrow_row,
#if EMU_HAS_MATRIX_PRODUCTS
    .panels_at_once = MATRIX_PANELS,
    .widens_above = 48,
#else
    .panels_at_once = 1,
    .widens_above = SIZE_MAX,
#endif
    .panels_product = panels_product,
    .attend_part = attend_part,
    .merge_parts = merge_parts,
    .limit_operations = limit_operations,
    .run_limit = run_limit,
    .read_memory = read_memory,
};

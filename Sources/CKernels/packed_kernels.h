// Products of packed weights with narrowed activations, written once in Clang's vector extensions.
//
// Includers define EMU_PACKED_VARIANT, EMU_PACKED_NAME, EMU_TILE_ROWS (activation rows that share a register of
// weights), and three steps:
//   dot_unsigned(sums, w, a): sums[i] += Σ w[4i+j]·a[j], w unsigned, a four signed bytes
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

EMU_INLINE void narrow_block(const float *x, const emu_activations *a, size_t at) {
    typedef int8_t signed_bytes __attribute__((vector_size(16)));
    lanes first = load(x), second = load(x + LANES);
    lanes magnitude = __builtin_elementwise_max(__builtin_elementwise_abs(first), __builtin_elementwise_abs(second));
    float greatest = __builtin_reduce_max(magnitude);
    bool finite = greatest < INFINITY && !__builtin_reduce_or((first != first) | (second != second));
    float inverse = finite && greatest > 0 ? 127.0f / greatest : 0;
    // Adding and subtracting 1.5·2^23 rounds to the nearest integer on every CPU alike.
    int_lanes p = __builtin_convertvector((first * inverse + 12582912.0f) - 12582912.0f, int_lanes);
    int_lanes q = __builtin_convertvector((second * inverse + 12582912.0f) - 12582912.0f, int_lanes);
    signed_bytes bytes[2] = {__builtin_convertvector(p, signed_bytes), __builtin_convertvector(q, signed_bytes)};
    memcpy(a->quants + at * EMU_PACK_COLUMNS, bytes, sizeof bytes);
    int32_t sum_first = __builtin_reduce_add(p), sum = sum_first + __builtin_reduce_add(q);
    // What is no number makes the product none.
    float scale = finite ? greatest / 127.0f : NAN;
    a->scales[at] = scale;
    a->negative_8[at] = sum * -8;
    a->negative_128[at] = sum * -128;
    a->first_negative_128[at] = sum_first * -128;
    a->value_sums[at] = scale * (float)sum;
}

static void narrow_row(const float *x, const emu_activations *a, size_t row, bool quants, bool halves) {
    emu_tile tile = tile_of_row(a, row);
    size_t place = row - tile.first;
    if (quants) {
        for (size_t b = 0; b < a->blocks; b++) {
            narrow_block(x + b * EMU_PACK_COLUMNS, a, tile.first * a->blocks + b * tile.rows + place);
        }
    }
    if (halves) {
        uint16_t *out = a->halves + tile.first * a->k + place * 2;
        for (size_t i = 0; i < a->k; i += 2) {
            out[i * tile.rows] = to_bf16(x[i]);
            out[i * tile.rows + 1] = to_bf16(x[i + 1]);
        }
    }
}

/// One block of four-bit quants times a tile: dots[r] += Σ quant · x.
EMU_INLINE void four_bit_dots(int rows, const uint8_t *quants, const int8_t *x, int_lanes *dots) {
#pragma clang loop unroll(full)
    for (int step = 0; step < 4; step++) {
        byte_row both = *(const byte_row *)(quants + step * 64);
        byte_row low = both & 15, high = both >> 4;
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            dots[r] = dot_unsigned(dots[r], low, load_word(x + r * EMU_PACK_COLUMNS + 4 * step));
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            dots[r] = dot_unsigned(dots[r], high, load_word(x + r * EMU_PACK_COLUMNS + 16 + 4 * step));
        }
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

/// sums[r] += the products of one block of a panel with a tile, `at` being the block's place in the tile's arrays.
EMU_INLINE void block_product(emu_layout layout, int rows, const uint8_t *quants, const uint8_t *scales,
                              const uint8_t *more_scales, const emu_activations *a, size_t at, lanes *sums) {
    int_lanes dots[EMU_TILE_ROWS];
    const int8_t *x = a->quants + at * EMU_PACK_COLUMNS;
    bool is_four_bit = layout == EMU_LAYOUT_4 || layout == EMU_LAYOUT_4_MINIMUM;
    const int32_t *bias = is_four_bit                          ? a->negative_8 + at
                          : layout == EMU_LAYOUT_8_HALVES ? a->first_negative_128 + at
                                                               : a->negative_128 + at;
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
                sums[r] = fused(to_float(dots[r]), scale * a->scales[at + r], sums[r]);
                dots[r] = spread(EMU_BIAS_IN_SUMS ? a->negative_128[at + r] - bias[r] : 0);
            }
            scale = load_scales(more_scales);
        }
        eight_bit_dots(rows, quants + 256, x + 16, dots);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sums[r] = fused(to_float(dots[r]), scale * a->scales[at + r], sums[r]);
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

EMU_INLINE void panel_of_layout(emu_layout layout, const uint8_t *panel, const emu_activations *a, const float *bias,
                                size_t rows, float *out, size_t out_stride) {
    emu_tile tile;
    for (size_t first = 0; first < a->n; first += tile.rows) {
        lanes result[EMU_TILE_ROWS];
        tile = tile_of_row(a, first);
        switch (tile.rows) {
        case EMU_TILE_ROWS: tile_product(layout, EMU_TILE_ROWS, panel, a, first, result); break;
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
        for (size_t r = 0; r < tile.rows; r++) {
            lanes value = result[r];
            float *to = out + (first + r) * out_stride;
            if (rows == EMU_PACK_ROWS) {
                store(to, bias == NULL ? value : value + load(bias));
            } else {
                for (size_t m = 0; m < rows; m++) to[m] = bias == NULL ? value[m] : value[m] + bias[m];
            }
        }
    }
}

static void panel_product(emu_layout layout, const uint8_t *panel, const emu_activations *a, const float *bias,
                          size_t rows, float *out, size_t out_stride) {
    switch (layout) {
#define EACH(name) case name: panel_of_layout(name, panel, a, bias, rows, out, out_stride); break
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

const emu_packed_variant EMU_PACKED_VARIANT = {
    .name = EMU_PACKED_NAME,
    .tile_rows = EMU_TILE_ROWS,
    .narrow_row = narrow_row,
    .panel_product = panel_product,
    .attend_part = attend_part,
    .merge_parts = merge_parts,
};

// Products of bytes on AMX: tiles of 16 rows of activations times panels of 16 rows of weights.
//
// Included by packed_kernels.h, whose layouts lie as these instructions want them: a step of a panel is a row of a
// tile's second operand. A block's products are the same integers that the vector kernels find, and are added in the
// same order, so that rows which do not fill a tile go through those and have the same bits.

#include "matrix_tiles.h"

/// The quants of one block of a panel as signed bytes: eight steps of four columns.
EMU_INLINE void signed_quants(emu_layout layout, const uint8_t *quants, byte_row *out) {
    const byte_row *from = (const byte_row *)quants;
    if (layout == EMU_LAYOUT_4 || layout == EMU_LAYOUT_4_MINIMUM) {
        const uint8_t bias = layout == EMU_LAYOUT_4 ? 8 : 0;
#pragma clang loop unroll(full)
        for (int step = 0; step < 4; step++) {
            out[step] = (from[step] & 15) - bias;
            out[step + 4] = (from[step] >> 4) - bias;
        }
    } else {
#pragma clang loop unroll(full)
        for (int step = 0; step < 8; step++) out[step] = from[step] ^ 128;
    }
}

// Products of one tile's bytes with a block, or half of one: begun, then taken out of register `number` (0 or 1). They
// leave the tile registers through memory, and wait long for it: whoever begins the next before has what to do.
#define BEGIN_DOTS(number, weights, x)                                                                                 \
    do {                                                                                                               \
        _tile_zero(number);                                                                                            \
        _tile_loadd(4 + number, x, EMU_PACK_COLUMNS);                                                                  \
        _tile_loadd(6 + number, weights, 64);                                                                          \
        _tile_dpbssd(number, 4 + number, 6 + number);                                                                  \
    } while (0)
#define TAKE_DOTS(number, dots) _tile_stored(number, dots, 64)

EMU_INLINE void add_dots(const int_lanes *dots, lanes scale, const float *x_scales, lanes *sums) {
#pragma clang loop unroll(full)
    for (int r = 0; r < MATRIX_ROWS; r++) sums[r] = fused(to_float(dots[r]), scale * x_scales[r], sums[r]);
}

/// What one panel has for some blocks, ready to be multiplied.
typedef struct {
    byte_row weights[MATRIX_BLOCKS][8];
    lanes scales[MATRIX_BLOCKS], more_scales[MATRIX_BLOCKS];
} panel_part;

EMU_INLINE void prepare_part(emu_layout layout, const uint8_t *panel, size_t all_blocks, size_t first, size_t blocks,
                             panel_part *part) {
    const size_t quant_bytes = layout_quant_bytes(layout);
    const uint8_t *scales = panel + all_blocks * quant_bytes + first * EMU_SCALES_BYTES;
    for (size_t b = 0; b < blocks; b++) {
        signed_quants(layout, panel + (first + b) * quant_bytes, part->weights[b]);
        part->scales[b] = load_scales(scales + b * EMU_SCALES_BYTES);
        if (layout_scale_arrays(layout) > 1) {
            part->more_scales[b] = load_scales(scales + (all_blocks + b) * EMU_SCALES_BYTES);
        }
    }
}

EMU_INLINE bool has_second(const emu_activations *a, size_t at) {
    return __builtin_expect(any_second(MATRIX_ROWS, a->has_second + at), 0);
}

/// sums[row of a tile] += the products of one term with block `b`, which has a scale for each half.
EMU_INLINE void add_halves(const panel_part *part, size_t b, const emu_narrowed *term, size_t at, lanes *sums) {
    int_lanes dots[2][MATRIX_ROWS];
    const int8_t *x = term->quants + at * EMU_PACK_COLUMNS;
    BEGIN_DOTS(0, part->weights[b], x);
    BEGIN_DOTS(1, part->weights[b] + 4, x + 16);
    TAKE_DOTS(0, dots[0]);
    TAKE_DOTS(1, dots[1]);
    add_dots(dots[0], part->scales[b], term->scales + at, sums);
    add_dots(dots[1], part->more_scales[b], term->scales + at, sums);
}

/// sums[row of a tile] += what block `b` gives, of which the first term's products are at hand.
EMU_INLINE void add_block(emu_layout layout, const panel_part *part, size_t b, const int_lanes *dots,
                          const emu_activations *a, size_t at, lanes *sums) {
    add_dots(dots, part->scales[b], a->terms[0].scales + at, sums);
    if (has_second(a, at)) {
        int_lanes more[MATRIX_ROWS];
        // Sums 0 and 1 are on their way; of the others' operands nothing is needed any more.
        _tile_zero(2);
        _tile_loadd(4, a->terms[1].quants + at * EMU_PACK_COLUMNS, EMU_PACK_COLUMNS);
        _tile_loadd(6, part->weights[b], 64);
        _tile_dpbssd(2, 4, 6);
        _tile_stored(2, more, 64);
        add_dots(more, part->scales[b], a->terms[1].scales + at, sums);
    }
    if (layout == EMU_LAYOUT_4_MINIMUM || layout == EMU_LAYOUT_8_MINIMUM) {
#pragma clang loop unroll(full)
        for (int r = 0; r < MATRIX_ROWS; r++) {
            sums[r] = fused(part->more_scales[b], broadcast(a->value_sums[at + (size_t)r]), sums[r]);
        }
    }
}

/// total[16] += a part of a panel times the tile whose first block of the part is at `at` of the activations' arrays.
EMU_INLINE void add_part(emu_layout layout, const panel_part *part, size_t blocks, const emu_activations *a, size_t at,
                         lanes *total) {
    int_lanes dots[2][MATRIX_ROWS];
    lanes sums[MATRIX_ROWS];
#pragma clang loop unroll(full)
    for (int r = 0; r < MATRIX_ROWS; r++) sums[r] = total[r];
    const int8_t *x = a->terms[0].quants + at * EMU_PACK_COLUMNS;
    const size_t step = MATRIX_ROWS * EMU_PACK_COLUMNS;
    if (layout == EMU_LAYOUT_8_HALVES) {
        for (size_t b = 0; b < blocks; b++) {
            add_halves(part, b, a->terms, at + b * MATRIX_ROWS, sums);
            if (has_second(a, at + b * MATRIX_ROWS)) add_halves(part, b, a->terms + 1, at + b * MATRIX_ROWS, sums);
        }
    } else {
        BEGIN_DOTS(0, part->weights[0], x);
        if (blocks > 1) BEGIN_DOTS(1, part->weights[1], x + step);
        TAKE_DOTS(0, dots[0]);
        for (size_t b = 0; b < blocks; b += 2) {
            if (b + 2 < blocks) BEGIN_DOTS(0, part->weights[b + 2], x + (b + 2) * step);
            if (b + 1 < blocks) TAKE_DOTS(1, dots[1]);
            add_block(layout, part, b, dots[0], a, at + b * MATRIX_ROWS, sums);
            if (b + 1 == blocks) break;
            if (b + 3 < blocks) BEGIN_DOTS(1, part->weights[b + 3], x + (b + 3) * step);
            if (b + 2 < blocks) TAKE_DOTS(0, dots[0]);
            add_block(layout, part, b + 1, dots[1], a, at + (b + 1) * MATRIX_ROWS, sums);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < MATRIX_ROWS; r++) total[r] = sums[r];
}

/// Consecutive panels times all rows that fill tiles, of which there is at least one.
EMU_INLINE void byte_panels(emu_layout layout, const uint8_t *panel, size_t panel_bytes, const emu_activations *a,
                            const float *bias, size_t rows, float *out, size_t out_stride) {
    const bool halves = layout == EMU_LAYOUT_8_HALVES;
    const size_t tiles = a->n / MATRIX_ROWS;
    panel_part part;
    lanes sums[MATRIX_GROUP * MATRIX_ROWS];
    configure_tiles(MATRIX_ROWS, halves ? 16 : 32, halves ? 4 : 8, EMU_PACK_ROWS);
    for (size_t tile = 0; tile < tiles; tile += MATRIX_GROUP) {
        const size_t count = tiles - tile < MATRIX_GROUP ? tiles - tile : MATRIX_GROUP;
        for (size_t row = 0; row < rows; row += EMU_PACK_ROWS) {
            const uint8_t *weights = panel + row / EMU_PACK_ROWS * panel_bytes;
            memset(sums, 0, count * MATRIX_ROWS * sizeof *sums);
            for (size_t first = 0; first < a->blocks; first += MATRIX_BLOCKS) {
                const size_t blocks = a->blocks - first < MATRIX_BLOCKS ? a->blocks - first : MATRIX_BLOCKS;
                prepare_part(layout, weights, a->blocks, first, blocks, &part);
                for (size_t t = 0; t < count; t++) {
                    add_part(layout, &part, blocks, a, ((tile + t) * a->blocks + first) * MATRIX_ROWS,
                             sums + t * MATRIX_ROWS);
                }
            }
            store_rows(sums, count * MATRIX_ROWS, bias == NULL ? NULL : bias + row, rows - row,
                       out + tile * MATRIX_ROWS * out_stride + row, out_stride);
        }
    }
    _tile_release();
}

// Products in bf16 on AMX, of weights of any layout.
//
// Sums stay in the tile registers over many blocks, so that this is several times faster than products of bytes even
// where bytes have to be widened first, as long as there are enough rows of activations to pay for it. All rows go through
// tiles, which add the products of a block in an order of their own.

#include "matrix_tiles.h"

/// Columns 2p and 2p + 1 of a step, p = 0, 1, for each row, as a tile's second operand has them.
EMU_INLINE void store_pair(lanes first, lanes second, uint16_t *out) {
    // The instruction puts all firsts before all seconds.
    static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(_mm512_loadu_si512(order), both));
}

/// Four columns of each row: weight = quant · scale + offset.
EMU_INLINE void widen_step(byte_row quants, lanes scale, lanes offset, uint16_t *out) {
    word_lanes words = (word_lanes)quants;
    lanes columns[4];
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) {
        columns[j] = fused(__builtin_convertvector((int_lanes)(words >> (8 * j) & 255), lanes), scale, offset);
    }
    store_pair(columns[0], columns[1], out);
    store_pair(columns[2], columns[3], out + 32);
}

/// `blocks` blocks of a panel from `first` on in bf16, as EMU_LAYOUT_BF16 lays them out.
EMU_INLINE void widen_blocks(emu_layout layout, const uint8_t *panel, size_t all_blocks, size_t first, size_t blocks,
                             uint16_t *out) {
    const size_t quant_bytes = layout_quant_bytes(layout);
    const uint8_t *scales = panel + all_blocks * quant_bytes + first * EMU_SCALES_BYTES;
    const bool is_four_bit = layout == EMU_LAYOUT_4 || layout == EMU_LAYOUT_4_MINIMUM;
    for (size_t b = 0; b < blocks; b++, out += EMU_PACK_COLUMNS * EMU_PACK_ROWS) {
        const byte_row *quants = (const byte_row *)(panel + (first + b) * quant_bytes);
        const lanes scale = load_scales(scales + b * EMU_SCALES_BYTES);
        const lanes more = layout_scale_arrays(layout) > 1 ? load_scales(scales + (all_blocks + b) * EMU_SCALES_BYTES)
                                                           : (lanes){0};
        const lanes offset = layout == EMU_LAYOUT_4           ? scale * -8.0f
                             : layout == EMU_LAYOUT_4_MINIMUM ? more
                             : layout == EMU_LAYOUT_8_MINIMUM ? fused(scale, broadcast(-128.0f), more)
                                                              : scale * -128.0f;
#pragma clang loop unroll(full)
        for (int step = 0; step < 4; step++) {
            if (is_four_bit) {
                widen_step(quants[step] & 15, scale, offset, out + step * 64);
                widen_step(quants[step] >> 4, scale, offset, out + 256 + step * 64);
            } else {
                const bool own = layout == EMU_LAYOUT_8_HALVES;
                widen_step(quants[step], scale, offset, out + step * 64);
                widen_step(quants[step + 4], own ? more : scale, own ? more * -128.0f : offset, out + 256 + step * 64);
            }
        }
    }
}

/// Sums of tiles of activations x[0..1] with panels w[0..1] over some blocks: c[tile][panel], [rows, 16] at `stride`
/// bytes, which are begun, or gone on with.
typedef struct {
    const uint16_t *x[2], *w[2];
    float *c[2][2];
    size_t stride, rows, blocks;
    bool begins;
} bf16_job;

EMU_INLINE void multiply_bf16(int tiles, int panels, const bf16_job *job) {
#define EACH(operation)                                                                                                \
    operation(0, 0, 0);                                                                                                \
    if (panels > 1) operation(1, 0, 1);                                                                                \
    if (tiles > 1) operation(2, 1, 0);                                                                                 \
    if (tiles > 1 && panels > 1) operation(3, 1, 1)
#define CLEAR(sum, tile, panel) _tile_zero(sum)
#define LOAD(sum, tile, panel) _tile_loadd(sum, job->c[tile][panel], job->stride)
#define STORE(sum, tile, panel) _tile_stored(sum, job->c[tile][panel], job->stride)
    if (job->begins) {
        EACH(CLEAR);
    } else {
        EACH(LOAD);
    }
    for (size_t b = 0; b < job->blocks; b++) {
        _tile_loadd(4, job->x[0] + b * job->rows * EMU_PACK_COLUMNS, 64);
        if (tiles > 1) _tile_loadd(5, job->x[1] + b * job->rows * EMU_PACK_COLUMNS, 64);
        _tile_loadd(6, job->w[0] + b * EMU_PACK_ROWS * EMU_PACK_COLUMNS, 64);
        if (panels > 1) _tile_loadd(7, job->w[1] + b * EMU_PACK_ROWS * EMU_PACK_COLUMNS, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (panels > 1) _tile_dpbf16ps(1, 4, 7);
        if (tiles > 1) _tile_dpbf16ps(2, 5, 6);
        if (tiles > 1 && panels > 1) _tile_dpbf16ps(3, 5, 7);
    }
    EACH(STORE);
#undef EACH
#undef CLEAR
#undef LOAD
#undef STORE
}

/// Some blocks of consecutive panels, `panel_stride` values from one to the next, times `tiles` tiles of job.rows rows.
EMU_INLINE void multiply_tiles(bf16_job job, const uint16_t *x, size_t x_stride, size_t tiles, const uint16_t *w,
                               size_t panel_stride, size_t panels, float *out, size_t out_stride) {
    for (size_t tile = 0; tile < tiles; tile += 2) {
        const int height = tiles - tile > 1 ? 2 : 1;
        for (size_t panel = 0; panel < panels; panel += 2) {
            const int width = panels - panel > 1 ? 2 : 1;
            for (size_t i = 0; i < (size_t)height; i++) {
                job.x[i] = x + (tile + i) * x_stride;
                for (size_t j = 0; j < (size_t)width; j++) {
                    job.w[j] = w + (panel + j) * panel_stride;
                    job.c[i][j] = out + (tile + i) * job.rows * out_stride + (panel + j) * EMU_PACK_ROWS;
                }
            }
            if (height == 2 && width == 2) multiply_bf16(2, 2, &job);
            else if (height == 2) multiply_bf16(2, 1, &job);
            else if (width == 2) multiply_bf16(1, 2, &job);
            else multiply_bf16(1, 1, &job);
        }
    }
}

/// Panels, at most MATRIX_PANELS, in bf16 times all rows.
EMU_INLINE void bf16_group(emu_layout layout, const uint8_t *panel, size_t panel_bytes, const emu_activations *a,
                           size_t rows, float *out, size_t out_stride) {
    const size_t whole = rows / EMU_PACK_ROWS, rest = rows % EMU_PACK_ROWS, panels = whole + (rest > 0);
    const size_t chunk = layout == EMU_LAYOUT_BF16 ? 2 * MATRIX_BLOCKS : MATRIX_BLOCKS;
    _Alignas(64) uint16_t widened[MATRIX_PANELS][MATRIX_BLOCKS * EMU_PACK_COLUMNS * EMU_PACK_ROWS];
    for (size_t begin = 0; begin < a->blocks; begin += chunk) {
        bf16_job job = {.stride = out_stride * sizeof(float), .begins = begin == 0};
        job.blocks = a->blocks - begin < chunk ? a->blocks - begin : chunk;
        const uint16_t *w = widened[0];
        size_t panel_stride = sizeof widened[0] / sizeof widened[0][0];
        if (layout == EMU_LAYOUT_BF16) {
            w = (const uint16_t *)panel + begin * EMU_PACK_COLUMNS * EMU_PACK_ROWS;
            panel_stride = panel_bytes / sizeof *w;
        } else {
            for (size_t p = 0; p < panels; p++) {
                widen_blocks(layout, panel + p * panel_bytes, a->blocks, begin, job.blocks, widened[p]);
            }
        }
        emu_tile tile;
        for (size_t first = 0, tiles; first < a->n; first += tiles * tile.rows) {
            tile = tile_of_row(a, first);
            tiles = tile.rows == MATRIX_ROWS ? a->n / MATRIX_ROWS : 1;
            job.rows = tile.rows;
            const uint16_t *x = a->halves + first * a->k + begin * EMU_PACK_COLUMNS * tile.rows;
            float *to = out + first * out_stride;
            if (whole > 0) {
                configure_tiles(tile.rows, 64, 16, EMU_PACK_ROWS);
                multiply_tiles(job, x, a->k * tile.rows, tiles, w, panel_stride, whole, to, out_stride);
            }
            if (rest > 0) {
                configure_tiles(tile.rows, 64, 16, rest);
                multiply_tiles(job, x, a->k * tile.rows, tiles, w + whole * panel_stride, panel_stride, 1,
                               to + whole * EMU_PACK_ROWS, out_stride);
            }
        }
    }
}

/// Panels of any layout times all rows, weights and activations being rounded to bf16.
EMU_INLINE void bf16_panels(emu_layout layout, const uint8_t *panel, size_t panel_bytes, const emu_activations *a,
                            const float *bias, size_t rows, float *out, size_t out_stride) {
    const size_t group_rows = MATRIX_PANELS * EMU_PACK_ROWS;
    for (size_t row = 0; row < rows; row += group_rows) {
        bf16_group(layout, panel + row / EMU_PACK_ROWS * panel_bytes, panel_bytes, a,
                   rows - row < group_rows ? rows - row : group_rows, out + row, out_stride);
    }
    _tile_release();
    for (size_t r = 0; bias != NULL && r < a->n; r++) {
        for (size_t m = 0; m < rows; m++) out[r * out_stride + m] += bias[m];
    }
}

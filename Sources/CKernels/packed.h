// Packed weights: the same numbers as in the file, laid out for products with activations in 8 bits (or bf16).
//
// A panel is 16 consecutive rows side by side, so that a register holds one step of columns for all of them. Its parts
// lie one after another, each for all blocks of 32 columns: quants, then scales, then what else the layout has. Rows
// behind the matrix's last are zero.
//
// Letters: N rows of activations, K columns, B = K / 32 blocks.

#ifndef EMU_PACKED_H
#define EMU_PACKED_H

#include "CKernels.h"
#include "lanes.h"

enum { EMU_PACK_ROWS = 16, EMU_PACK_COLUMNS = 32 };

typedef enum {
    EMU_LAYOUT_NONE,
    /// Four bits; weight = scale · (quant - 8).
    EMU_LAYOUT_4,
    /// Four bits; weight = scale · quant + minimum.
    EMU_LAYOUT_4_MINIMUM,
    /// Eight bits; weight = scale · (quant - 128).
    EMU_LAYOUT_8,
    /// Eight bits; weight = scale · (quant - 128) + minimum.
    EMU_LAYOUT_8_MINIMUM,
    /// Eight bits, a scale for each half of a block's columns.
    EMU_LAYOUT_8_HALVES,
    /// bf16.
    EMU_LAYOUT_BF16,
} emu_layout;

/// The nearest bf16, ties to even; not-a-number stays one.
EMU_INLINE uint16_t to_bf16(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    if ((word & 0x7fffffff) > 0x7f800000) return (uint16_t)(word >> 16 | 0x40);
    return (uint16_t)((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

/// Bytes of a block of a panel: quants, then each array of 16 scales in fp16.
enum { EMU_SCALES_BYTES = EMU_PACK_ROWS * 2 };

EMU_INLINE size_t layout_quant_bytes(emu_layout layout) {
    switch (layout) {
    case EMU_LAYOUT_4:
    case EMU_LAYOUT_4_MINIMUM: return 256;
    case EMU_LAYOUT_8:
    case EMU_LAYOUT_8_MINIMUM:
    case EMU_LAYOUT_8_HALVES: return 512;
    case EMU_LAYOUT_BF16: return 1024;
    case EMU_LAYOUT_NONE: break;
    }
    return 0;
}

/// Arrays of scales, one after another behind the quants.
EMU_INLINE size_t layout_scale_arrays(emu_layout layout) {
    switch (layout) {
    case EMU_LAYOUT_4:
    case EMU_LAYOUT_8: return 1;
    case EMU_LAYOUT_4_MINIMUM:
    case EMU_LAYOUT_8_MINIMUM:
    case EMU_LAYOUT_8_HALVES: return 2;
    case EMU_LAYOUT_BF16:
    case EMU_LAYOUT_NONE: break;
    }
    return 0;
}

/// Bytes of one panel; panels begin at multiples of 64.
EMU_INLINE size_t layout_panel_bytes(emu_layout layout, size_t blocks) {
    size_t bytes = blocks * (layout_quant_bytes(layout) + layout_scale_arrays(layout) * EMU_SCALES_BYTES);
    return (bytes + 63) / 64 * 64;
}

/// The layout that weights of a GGML type are packed in.
emu_layout emu_layout_of_type(int32_t type);

/// One term of narrowed activations: value = quant · scale.
typedef struct {
    /// [tile, B, T, 32]
    int8_t *quants;
    /// [tile, B, T]
    float *scales;
    /// [tile, B, T]: minus 8 (minus 128) times the sum of a block's quants
    int32_t *negative_8, *negative_128;
    /// [tile, B, T]: minus 128 times the sum of the first half of a block's quants
    int32_t *first_negative_128;
} emu_narrowed;

/// A block whose greatest value is more than this many times the root mean square of its row has a second term.
///
/// Activations of language models have a few features that are far larger than the rest; what the other 31 values of
/// such a block lose in 8 bits is most of what all blocks lose. With SmolLM2, 8 % of the blocks are above six times:
/// the divergence of the logits falls to a third of what one term gives.
#define EMU_SECOND_TERM_ABOVE 6.0f

/// N rows of activations, narrowed. Rows that are multiplied together lie together: within a tile of T rows, the T
/// values of one place follow each other.
typedef struct {
    size_t n, k, blocks;
    /// Rows of the largest tile.
    size_t tile_rows;
    /// Whether `halves` alone are given, for weights of every layout.
    bool widens;
    /// The values to 8 bits, and what that leaves over to 8 more; the second is zero where a row needs none.
    emu_narrowed terms[2];
    /// [tile, B, T]: whether the second term is not zero
    uint8_t *has_second;
    /// [tile, B, T]: sum of a block's values
    float *value_sums;
    /// [tile, K / J, T, J] in bf16, J = 2, or 32 where the CPU multiplies tiles
    uint16_t *halves;
} emu_activations;

typedef struct {
    size_t first, rows;
} emu_tile;

/// The tile of a row: as many whole ones as there are, then 8, 4, 2 and 1 rows as the rest needs them.
EMU_INLINE emu_tile tile_of_row(const emu_activations *a, size_t row) {
    size_t whole = a->n / a->tile_rows * a->tile_rows;
    if (row < whole) return (emu_tile){row / a->tile_rows * a->tile_rows, a->tile_rows};
    emu_tile tile = {whole, 8};
    for (size_t rest = a->n - whole; tile.rows > 1; tile.rows /= 2) {
        if (rest < tile.rows) continue;
        if (row < tile.first + tile.rows) break;
        tile.first += tile.rows;
        rest -= tile.rows;
    }
    return tile;
}

/// Keys that are attended to as one part, and queries that share a pass over them.
enum { EMU_ATTENTION_PART = 256, EMU_ATTENTION_QUERIES = 16 };

/// Rows of queries of one key head's group against the keys `first` ..< `end`, a part at most.
typedef struct {
    /// [rows, group, D], `row_stride` floats from row to row
    const float *q;
    size_t rows, group, d, row_stride;
    int32_t type;
    /// The head's keys and values in slot 0, `slot_stride` bytes from slot to slot
    const uint8_t *keys, *values;
    size_t slot_stride;
    const int32_t *slots;
    /// [rows]: keys that a row sees
    const int32_t *lengths;
    size_t first, end;
    float scale;
    /// [rows · group]: greatest score and sum of weights; [rows · group, D]: weighted sum of values
    float *greatest, *sums, *out;
} emu_attention_part;

typedef struct {
    const char *name;
    /// Activation rows that share a register of weights.
    size_t tile_rows;
    /// Narrows one row of x[K] into row `row` of the activations.
    void (*narrow_row)(const float *x, const emu_activations *activations, size_t row, bool quants, bool halves);
    /// Panels that share a pass over many activations with profit.
    size_t panels_at_once;
    /// Rows of activations above which weights in bytes are multiplied faster when they are widened to bf16.
    size_t widens_above;
    /// out[N, 0..<rows] at stride `out_stride`, of consecutive panels.
    void (*panels_product)(emu_layout layout, const uint8_t *panel, const emu_activations *activations,
                           const float *bias, size_t rows, float *out, size_t out_stride);
    void (*attend_part)(const emu_attention_part *part);
    void (*merge_parts)(size_t queries, size_t d, float *greatest, float *sums, float *out, const float *part_greatest,
                        const float *part_sums, const float *part_out);
    size_t (*limit_operations)(emu_limit limit);
    float (*run_limit)(emu_limit limit, size_t rounds, uint32_t seed);
    uint32_t (*read_memory)(const void *memory, size_t bytes);
} emu_packed_variant;

/// The variant for this CPU, or the one that was asked for.
const emu_packed_variant *emu_selected_packed_variant(void);

extern const emu_packed_variant emu_packed_plain;
#if defined(__x86_64__)
extern const emu_packed_variant emu_packed_avx2;
extern const emu_packed_variant emu_packed_avx512;
extern const emu_packed_variant emu_packed_amx;
#endif

#endif

// The table of one variant's kernels over pictures' activations. spatial_kernels.h fills it once per variant.

#ifndef EMU_SPATIAL_H
#define EMU_SPATIAL_H

#include "CKernels.h"

// Queries that share a pass over the keys, keys of a block, and positions whose sums are taken together.
enum { EMU_WHOLE_QUERIES = 24, EMU_WHOLE_KEYS = 64, EMU_STATISTICS_ROWS = 128 };

/// Some queries of one head; strides in floats.
typedef struct {
    const float *q;
    size_t rows, stride;
    /// [M / EMU_WHOLE_KEYS, D, EMU_WHOLE_KEYS], zero behind the last key.
    const float *keys;
    /// [M, padded D], zero behind D.
    const float *values;
    size_t m, d, padded;
    float scale;
    float *out;
} emu_whole_part;

// Channels whose weights are transformed at a time (a multiple of every block size), the most outputs and tiles of a
// product, and rows that the tiles of all variants divide.
enum { EMU_WINOGRAD_CHANNELS = 256, EMU_WINOGRAD_OUTPUTS = 64, EMU_WINOGRAD_TILES = 192, EMU_WINOGRAD_ROWS = 6 };

/// Where a tile of 4x4 outputs reads: 6x6 positions, NULL outside of the picture.
typedef struct {
    const float *from[36];
} emu_winograd_tile;

/// Where a tile is written: its rows and columns that are in the picture; strides in floats.
typedef struct {
    const float *bias;
    float *out;
    size_t rows, columns, row_stride, stride;
} emu_winograd_target;

/// Some outputs of some tiles.
typedef struct {
    int32_t type;
    const uint8_t *weights;
    size_t row_bytes, outputs, channels;
    /// Transformed values [36, .., channels] at stride `plane`, rows up to a multiple of EMU_WINOGRAD_ROWS.
    const float *values;
    size_t plane, tiles;
    const emu_winograd_target *targets;
    /// Scratch: [2, 16, 9 * EMU_WINOGRAD_CHANNELS], [36, EMU_WINOGRAD_CHANNELS, outputs], [36, rows, outputs]; outputs in
    /// whole sets of 16.
    float *widened, *points, *sums;
} emu_winograd_part;

typedef struct {
    /// sums[C] of x, or of (x - mean)² unless `mean` is NULL, over rows of [C].
    void (*channel_sums)(const float *x, size_t rows, size_t channels, const float *mean, float *sums);
    void (*normalize_rows)(const float *x, size_t rows, size_t channels, const float *mean, const float *inverse,
                           const float *weight, const float *bias, bool silu, float *out);
    /// out[K] = x[0..<K] · gelu(x[K..<2K])
    void (*gelu_gate_row)(const float *x, size_t k, float *out);
    void (*attend_whole)(const emu_whole_part *part);
    /// out[36, channels] at stride `plane`
    void (*winograd_values)(const emu_winograd_tile *tile, size_t channels, float *out, size_t plane);
    void (*winograd_product)(const emu_winograd_part *part);
} emu_spatial_variant;

/// Where the stored position lies that a kernel's place sees; NULL outside of the picture.
static inline const float *emu_seen(const emu_patch_grid *grid, size_t row, size_t column) {
    // Unsigned: what lies above or on the left is far outside.
    if (row - grid->padding >= grid->enlarged_height || column - grid->padding >= grid->enlarged_width) return NULL;
    row -= grid->padding;
    column -= grid->padding;
    if (grid->enlarged_height != grid->height) row /= 2;
    if (grid->enlarged_width != grid->width) column /= 2;
    return grid->x + ((row - grid->first_row) * grid->width + column) * grid->channels;
}

/// The variant that the calling thread's operations use.
const emu_spatial_variant *emu_selected_spatial_variant(void);

extern const emu_spatial_variant emu_spatial_plain;
#if defined(__x86_64__)
extern const emu_spatial_variant emu_spatial_avx2;
extern const emu_spatial_variant emu_spatial_avx512;
#endif

#endif

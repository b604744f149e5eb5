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

typedef struct {
    /// sums[C] of x, or of (x - mean)² unless `mean` is NULL, over rows of [C].
    void (*channel_sums)(const float *x, size_t rows, size_t channels, const float *mean, float *sums);
    void (*normalize_rows)(const float *x, size_t rows, size_t channels, const float *mean, const float *inverse,
                           const float *weight, const float *bias, bool silu, float *out);
    /// out[K] = x[0..<K] · gelu(x[K..<2K])
    void (*gelu_gate_row)(const float *x, size_t k, float *out);
    void (*attend_whole)(const emu_whole_part *part);
} emu_spatial_variant;

extern const emu_spatial_variant emu_spatial_plain;
#if defined(__x86_64__)
extern const emu_spatial_variant emu_spatial_avx2;
extern const emu_spatial_variant emu_spatial_avx512;
#endif

#endif

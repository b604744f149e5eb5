// The table of one variant's kernels. exact_kernels.h fills it once per variant.

#ifndef EMU_VARIANT_H
#define EMU_VARIANT_H

#include "CKernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Activation rows that share one pass over dequantised weights, and columns widened at a time (a multiple of every
// block size). Together with the accumulators they stay inside a core's caches.
enum { EMU_ROW_BLOCK = 128, EMU_COLUMN_CHUNK = 512, EMU_PANEL = 12 };

/// What the CPU has, each level with all of those before it.
typedef enum { EMU_LEVEL_PLAIN, EMU_LEVEL_AVX2, EMU_LEVEL_AVX512, EMU_LEVEL_AMX } emu_level;

/// The level that the calling thread's operations use.
emu_level emu_selected_level(void);

/// Panels of `panel_work` products each that make an item of the pool's: some microseconds, small enough to balance
/// and large enough to pay for its claim.
static inline size_t emu_panels_per_item(size_t panel_work, size_t item_work) {
    return panel_work == 0 ? item_work : (item_work + panel_work - 1) / panel_work;
}

typedef struct {
    const char *name;
    void (*dequantize)(int32_t type, const void *weights, float *out, size_t count);
    /// out[n, 0..<panel] at stride `out_stride`: `panel` (at most EMU_PANEL) rows of weights times n rows of x.
    void (*panel_product)(int32_t type, const uint8_t *weights, size_t row_bytes, const float *bias, size_t panel,
                          size_t k, const float *x, size_t n, float *out, size_t out_stride);
    void (*rms_norm_row)(const float *x, const float *weight, float epsilon, size_t k, float *out);
    void (*layer_norm_row)(const float *x, const float *weight, const float *bias, float epsilon, size_t k, float *out);
    void (*quantize)(int32_t type, const float *values, void *out, size_t count);
    bool (*convert_weights)(int32_t from, const uint8_t *in, int32_t to, uint8_t *out, size_t count);
    /// One query of one head; `slot_stride` in bytes.
    void (*attend)(const float *q, int32_t type, const uint8_t *keys, const uint8_t *values, const int32_t *slots,
                   size_t length, size_t slot_stride, size_t d, float scale, float *scores, float *out);
    void (*silu_multiply_row)(float *gate, const float *up, size_t k);
    void (*gelu_multiply_row)(float *gate, const float *up, size_t k);
    void (*gelu_row)(float *x, size_t k);
    void (*quick_gelu_row)(float *x, size_t k);
    void (*soft_cap_row)(float *x, float cap, size_t k);
    /// Sets `greatest`; returns the sum of exp((x - greatest) / temperature), which go to `weights` unless NULL.
    /// Where the greatest is not finite (one NaN suffices), that is returned and `weights` is left alone.
    double (*softmax_weights)(const float *x, size_t count, float temperature, float *weights, float *greatest);
} emu_variant;

/// out[N, columns] at `stride`: times scale[columns], plus bias[columns] unless NULL. For outputs that are in the cache
/// still, so that it costs next to nothing beside their products.
static inline void emu_scale_outputs(float *out, size_t n, size_t columns, size_t stride, const float *scale,
                                     const float *bias) {
    for (size_t row = 0; row < n; row++) {
        float *to = out + row * stride;
        for (size_t i = 0; i < columns; i++) to[i] = bias == NULL ? to[i] * scale[i] : to[i] * scale[i] + bias[i];
    }
}

extern const emu_variant emu_variant_plain;
#if defined(__x86_64__)
extern const emu_variant emu_variant_avx2;
extern const emu_variant emu_variant_avx512;
#endif

#endif

// Operations over pictures' activations, in exact precision: what diffusion models and autoencoders are made of.
//
// Activations lie as [H, W, C], channels innermost, so that a position is a row like a token's. Convolutions are products
// of such rows with the weights; here is what lays the rows out. Bits depend neither on the number of threads nor on the
// CPU, like those of all exact kernels.
//
// Letters: H, W height and width, N = H·W positions, C channels.

#ifndef CKERNELS_SPATIAL_H
#define CKERNELS_SPATIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct emu_pool;

/// What a convolution sees of a picture.
typedef struct {
    /// Stored rows `first_row`..., each [width, channels].
    const float *x;
    size_t first_row;
    size_t height, width, channels;
    /// The size to which it is enlarged before: as stored, or up to twice that by repeating each position.
    size_t enlarged_height, enlarged_width;
    /// Side of the kernel, its step, and the zeros that are put above and on the left (below and on the right as needed).
    size_t kernel, stride, padding;
    size_t out_width;
} emu_patch_grid;

/// out[count, C·kernel²]: what the kernel covers at the output's positions first..., in the order of the weights
/// [C, kernel, kernel]. All rows that they need must be stored.
void emu_patches(struct emu_pool *pool, const emu_patch_grid *grid, size_t first, size_t count, float *out);

/// Some rows of a convolution of a 3x3 kernel at step 1 between zeros, of several pictures of one size.
typedef struct {
    /// One for each picture, with what its rows need.
    const emu_patch_grid *grids;
    size_t pictures;
    /// Rows of the result, from a multiple of 4 to before a multiple of 4 or the last.
    size_t first_row, end_row;
    size_t outputs;
    /// weights[outputs, C, 3, 3] of a GGML type with `row_bytes` bytes a row; bias[pictures, outputs].
    int32_t type;
    const void *weights;
    size_t row_bytes;
    const float *bias;
    /// [pictures, enlarged_height, enlarged_width, outputs], of which only those rows are written.
    float *out;
} emu_winograd_band;

/// Floats of scratch memory, at a multiple of 64 bytes, that a band takes.
size_t emu_winograd_scratch(int threads, const emu_winograd_band *band);

/// Computes a band by Winograd's F(4x4, 3x3): a quarter of the products, and sums in another order than those of
/// emu_patches and emu_matmul. A picture's bits do not depend on the other pictures or the bands.
void emu_winograd(struct emu_pool *pool, const emu_winograd_band *band, float *scratch);

/// Floats of scratch memory that emu_group_statistics takes.
size_t emu_group_statistics_scratch(size_t n, size_t channels);

/// Of x[N, C] in `groups` (a divisor of C) groups of neighbouring channels: mean[C] and inverse[C], 1 / sqrt(variance +
/// epsilon), the same for all channels of a group.
void emu_group_statistics(struct emu_pool *pool, const float *x, size_t n, size_t channels, size_t groups, float epsilon,
                          float *scratch, float *mean, float *inverse);

/// out[N, C] = y = (x - mean) · inverse · weight + bias, or silu(y); `out` may be `x`.
void emu_group_normalize(struct emu_pool *pool, const float *x, size_t n, size_t channels, const float *mean,
                         const float *inverse, const float *weight, const float *bias, bool silu, float *out);

/// out[N, K] = x[N, 0..<K] · gelu(x[N, K..<2K]), GELU as it is defined.
void emu_gelu_gate(struct emu_pool *pool, const float *x, size_t n, size_t k, float *out);

/// The most features of a head that attention without a mask takes.
enum { EMU_MAX_WHOLE_HEAD = 1024 };

/// Floats of scratch memory that emu_whole_attention takes.
size_t emu_whole_attention_scratch(size_t m, size_t heads, size_t d);

/// Attention in which each of N queries sees each of M keys: q, out [N, H, D], keys, values [M, H, D], D up to
/// EMU_MAX_WHOLE_HEAD; in one pass over the keys. scratch at a multiple of 64.
void emu_whole_attention(struct emu_pool *pool, const float *q, const float *keys, const float *values, size_t n, size_t m,
                         size_t heads, size_t d, float scale, float *scratch, float *out);

#ifdef __cplusplus
}
#endif
#endif

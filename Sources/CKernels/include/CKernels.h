// Numeric kernels of the engine, in exact precision: fp32 arithmetic over weights of any GGML type.
//
// Every kernel is batch-invariant. A dot product is always summed in the same 16 lanes and reduced by the same
// tree, so a row's bits depend neither on the other rows of the batch, nor on the number of threads, nor on the
// CPU: the plain, AVX2 and AVX-512 variants are one source compiled three times and agree bit for bit.
//
// Letters: N rows of activations (tokens), K input features, M output features, H heads, D features of a head.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CKernelsSpatial.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------------------
// Thread pool

typedef struct emu_pool emu_pool;

/// Starts `threads - 1` workers (the caller is the last thread). NULL when memory or threads cannot be had.
emu_pool *emu_pool_create(int threads);
void emu_pool_destroy(emu_pool *pool);
int emu_pool_threads(const emu_pool *pool);

/// A parallel loop's body; `thread` is in 0..<emu_pool_threads(pool) and differs between concurrent calls.
typedef void (*emu_loop_body)(void *context, uint32_t index, int thread);

/// Calls `body` once for every index in 0..<count, on all threads, and returns when all are done. Items are claimed one
/// by one, so a thread that the system takes away costs its share and no more. One caller at a time.
void emu_pool_run(emu_pool *pool, uint32_t count, emu_loop_body body, void *context);

/// Whether work is to stop; must be quick, since it is asked between the items of every loop.
typedef bool (*emu_pool_question)(void *context);

/// Until `emu_pool_end_cancellable`, the caller's thread asks `is_cancelled` before each loop and each item that it
/// claims; once that is true, items are left undone, so that loops end at once and what they compute is void.
void emu_pool_begin_cancellable(emu_pool *pool, emu_pool_question is_cancelled, void *context);

/// Whether items were left undone since `emu_pool_begin_cancellable`; later loops are whole again.
bool emu_pool_end_cancellable(emu_pool *pool);

// ---------------------------------------------------------------------------------------------------------------
// Variants

/// `avx512`, `avx2` or `plain`: the best one that this CPU has, or the one that EMUCHAT_KERNEL names if the CPU has it.
/// `amx` names avx512 too, and tiles of it for packed weights.
const char *emu_kernel_name(void);

/// Whether this CPU has the variants that a name stands for.
bool emu_kernel_available(const char *name);

/// Makes later calls of this thread use a variant, the usual one again for NULL; false, and nothing changed, when it is
/// unknown or the CPU lacks it. For tests: other threads go on with theirs.
bool emu_kernel_use(const char *name);

/// Whether rows of this GGML type can be computed with.
bool emu_type_supported(int32_t type);

// ---------------------------------------------------------------------------------------------------------------
// Operations. Pointers must be valid for the stated shapes; weights need no alignment.

/// Widens `count` weights (a multiple of the type's block) to fp32.
void emu_dequantize(int32_t type, const void *weights, float *out, size_t count);

/// Whether weights can be stored as this GGML type: F32, F16, Q8_0, Q4_0, Q4_K.
bool emu_can_convert_to(int32_t type);

/// Stores `count` weights, a multiple of both types' blocks, as another type: the same bytes on every CPU. False when a
/// weight is not a finite number, does not fit, or cannot be stored as `to`; `out` is then of no use.
bool emu_convert_weights(int32_t from, const void *in, int32_t to, void *out, size_t count);

/// out[N,M] = x[N,K] · weightsᵀ, weights[M,K] of a GGML type with `row_bytes` bytes a row; times scale[M] unless NULL,
/// plus bias[M] unless NULL.
void emu_matmul(emu_pool *pool, int32_t type, const void *weights, size_t row_bytes, const float *scale,
                const float *bias, size_t m, size_t k, const float *x, size_t n, float *out);

/// out[N,K] = x / sqrt(mean(x²) + epsilon) * weight[K], row by row. `out` may be `x`.
void emu_rms_norm(emu_pool *pool, const float *x, const float *weight, float epsilon, size_t n, size_t k, float *out);

/// out[N,K] = (x - mean x) / sqrt(variance x + epsilon) * weight[K] + bias[K], row by row. `out` may be `x`.
void emu_layer_norm(emu_pool *pool, const float *x, const float *weight, const float *bias, float epsilon, size_t n,
                    size_t k, float *out);

/// x[i] = x/2 * (1 + erf(x / √2)), x[N,K]: GELU as it is defined.
void emu_gelu(emu_pool *pool, float *x, size_t n, size_t k);

/// x[i] = x * sigmoid(1.702 * x), x[N,K]: what CLIP has for GELU.
void emu_quick_gelu(emu_pool *pool, float *x, size_t n, size_t k);

/// Rotates pairs of x[N,H,D] in place by tables cosine[N,R/2] and sine[N,R/2] over the first R features of a head.
/// `half_split` pairs feature i with i + R/2 (Hugging Face); otherwise 2i with 2i + 1 (original LLaMA).
void emu_rope(emu_pool *pool, float *x, size_t n, size_t heads, size_t d, size_t rotated, bool half_split,
              const float *cosine, const float *sine);

/// The most features of a head that attention takes.
enum { EMU_MAX_HEAD_SIZE = 1024 };

/// Whether a cache of this GGML type can be stored and attended to: F32, F16, Q8_0.
bool emu_cache_type_supported(int32_t type);

/// Narrows `count` values (a multiple of the type's block) to a type that a cache may have.
void emu_quantize(int32_t type, const float *values, void *out, size_t count);

/// Causal attention of N queries over a key-value cache of a GGML type.
/// q, out: [N,H,D], D up to EMU_MAX_HEAD_SIZE; keys, values: [slot, KH, D] with H a multiple of KH, `head_bytes` bytes
/// for the D features of a head. Query i sees the cache slots slots[i][0..<lengths[i]], in that order.
/// scratch: [threads, max_length] floats.
void emu_attention(emu_pool *pool, const float *q, int32_t cache_type, const void *keys, const void *values,
                   size_t head_bytes, const int32_t *const *slots, const int32_t *lengths, size_t n, size_t heads,
                   size_t key_heads, size_t d, float scale, size_t max_length, float *scratch, float *out);

/// gate[i] = silu(gate[i]) * up[i].
void emu_silu_multiply(emu_pool *pool, float *gate, const float *up, size_t n, size_t k);

/// gate[i] = gelu(gate[i]) * up[i], GELU in its tanh form.
void emu_gelu_multiply(emu_pool *pool, float *gate, const float *up, size_t n, size_t k);

/// x[i] = cap * tanh(x[i] / cap), x[N,K].
void emu_soft_cap(emu_pool *pool, float *x, float cap, size_t n, size_t k);

/// x[i] += y[i].
void emu_add(float *x, const float *y, size_t count);

/// x[i] *= factor.
void emu_scale(float *x, float factor, size_t count);

/// Natural logarithm of the sum of exp(x[i]): x - this is log-softmax. The exponentials are fp32, their sum is double:
/// within 1e-6. NaN when one of them is NaN; infinite when the greatest is.
double emu_log_sum_exp(const float *x, size_t count);

/// weights[i] = exp((x[i] - max x) / temperature), the greatest being exactly 1 and none below exp(-87); returns their
/// sum, which is double. NaN when an x is NaN or the greatest is infinite: `weights` is then left alone.
double emu_softmax_weights(const float *x, size_t count, float temperature, float *weights);

// ---------------------------------------------------------------------------------------------------------------
// Packed weights: the fast precision. Activations are narrowed to 8 bits in blocks of 32 (to bf16 where weights are
// F16 or BF16), products are exact, sums are fp32. Batch-invariant like everything here.

/// The packed variant that goes with emu_kernel_name(): `avx512-amx`, `avx512-vnni`, `avx2` or `plain`.
const char *emu_packed_kernel_name(void);

/// Whether the variant rounds to bf16 where emu_packed_multiply may.
bool emu_packed_widens(void);

/// Bytes of a packed matrix; 0 when weights of this type, or of a width that is no multiple of 32, are not packed.
size_t emu_packed_bytes(int32_t type, size_t rows, size_t columns);

/// Where a row of a packed matrix begins, as if it were the first of one; -1 when it does not begin a panel.
int64_t emu_packed_offset(int32_t type, size_t row, size_t columns);

/// Packs weights[rows, columns] into `packed`, which must lie at a multiple of 64.
void emu_pack(emu_pool *pool, int32_t type, const void *weights, size_t row_bytes, size_t rows, size_t columns,
              void *packed);

/// out[N, rows] = x · weightsᵀ, times scale[rows] unless NULL, plus bias[rows] unless NULL.
typedef struct {
    int32_t type;
    const void *packed;
    size_t rows;
    const float *scale;
    const float *bias;
    float *out;
} emu_packed_product;

/// Bytes of scratch memory, at a multiple of 64, that products with x[N, K] take.
size_t emu_packed_scratch_bytes(size_t n, size_t k);

/// Several products with the same x[N, K], as one loop over all their rows.
///
/// With `may_widen` all of a product's weights and activations may be rounded to bf16 instead, where the CPU is faster
/// so: for work that always has the same N, since a row's bits then depend on that.
void emu_packed_multiply(emu_pool *pool, const emu_packed_product *products, size_t count, const float *x, size_t n,
                         size_t k, bool may_widen, void *scratch);

/// Whether fused attention takes these shapes.
bool emu_fused_attention_supported(size_t heads, size_t key_heads, size_t d);

/// Bytes of scratch memory that fused attention takes.
size_t emu_fused_attention_scratch_bytes(int threads, const int32_t *lengths, size_t n, size_t heads, size_t key_heads,
                                         size_t d);

/// What emu_attention computes, in one pass over the cache and with several queries at a time; the sums' order is its
/// own.
void emu_fused_attention(emu_pool *pool, const float *q, int32_t cache_type, const void *keys, const void *values,
                         size_t head_bytes, const int32_t *const *slots, const int32_t *lengths, size_t n, size_t heads,
                         size_t key_heads, size_t d, float scale, void *scratch, float *out);

// ---------------------------------------------------------------------------------------------------------------
// Limits

/// What is measured of the machine.
typedef enum {
    /// Multiply-adds of bytes, of bf16 pairs, of fp32 (two operations each).
    EMU_LIMIT_INT8,
    EMU_LIMIT_BF16,
    EMU_LIMIT_FP32,
    /// Bytes read from memory.
    EMU_LIMIT_READ,
} emu_limit;

/// Operations (or bytes) per second that all threads of the pool reach together with the packed variant's instructions,
/// the best of `runs`. Reading goes over `memory`, `bytes` long, at a multiple of 64, which should lie in huge pages and
/// be much larger than the caches; the other limits need none.
double emu_measure_limit(emu_pool *pool, emu_limit limit, int runs, const void *memory, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

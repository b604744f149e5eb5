// Spreads the exact operations over the threads, in the variant of the level that is used.

#include "CKernels.h"
#include "blocks.h"
#include "variant.h"

#include <math.h>

static const emu_variant *variant(void) {
#if defined(__x86_64__)
    emu_level level = emu_selected_level();
    if (level >= EMU_LEVEL_AVX512) return &emu_variant_avx512;
    if (level == EMU_LEVEL_AVX2) return &emu_variant_avx2;
#endif
    return &emu_variant_plain;
}

const char *emu_kernel_name(void) { return variant()->name; }

bool emu_type_supported(int32_t type) {
    switch (type) {
    case EMU_F32: case EMU_F16: case EMU_BF16: case EMU_Q4_0: case EMU_Q4_1: case EMU_Q5_0: case EMU_Q5_1:
    case EMU_Q8_0: case EMU_Q4_K: case EMU_Q5_K: case EMU_Q6_K: return true;
    default: return false;
    }
}

void emu_dequantize(int32_t type, const void *weights, float *out, size_t count) {
    variant()->dequantize(type, weights, out, count);
}

bool emu_can_convert_to(int32_t type) {
    switch (type) {
    case EMU_F32: case EMU_F16: case EMU_Q8_0: case EMU_Q4_0: case EMU_Q4_K: return true;
    default: return false;
    }
}

bool emu_convert_weights(int32_t from, const void *in, int32_t to, void *out, size_t count) {
    return emu_type_supported(from) && emu_can_convert_to(to) &&
           variant()->convert_weights(from, in, to, out, count);
}

// ---------------------------------------------------------------------------------------------------------------

typedef struct {
    const emu_variant *variant;
    int32_t type;
    const uint8_t *weights;
    size_t row_bytes;
    const float *scale, *bias;
    size_t m, k;
    const float *x;
    size_t n;
    float *out;
    size_t panels_per_item;
} matmul_job;

static void matmul_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const matmul_job *job = context;
    for (size_t p = 0; p < job->panels_per_item; p++) {
        size_t first = (index * job->panels_per_item + p) * EMU_PANEL;
        if (first >= job->m) return;
        size_t panel = job->m - first < EMU_PANEL ? job->m - first : EMU_PANEL;
        const float *bias = job->bias == NULL ? NULL : job->bias + first;
        job->variant->panel_product(job->type, job->weights + first * job->row_bytes, job->row_bytes,
                                    job->scale == NULL ? bias : NULL, panel, job->k, job->x, job->n,
                                    job->out + first, job->m);
        if (job->scale != NULL) {
            emu_scale_outputs(job->out + first, job->n, panel, job->m, job->scale + first, bias);
        }
    }
}

void emu_matmul(emu_pool *pool, int32_t type, const void *weights, size_t row_bytes, const float *scale,
                const float *bias, size_t m, size_t k, const float *x, size_t n, float *out) {
    matmul_job job = {variant(), type, weights, row_bytes, scale, bias, m, k, x, n, out, 1};
    size_t panels = (m + EMU_PANEL - 1) / EMU_PANEL;
    job.panels_per_item = emu_panels_per_item(EMU_PANEL * k * n, 65536);
    emu_pool_run(pool, (uint32_t)((panels + job.panels_per_item - 1) / job.panels_per_item), matmul_item, &job);
}

typedef struct {
    const emu_variant *variant;
    const float *x;
    const float *weight;
    float epsilon;
    size_t k;
    float *out;
} norm_job;

static void norm_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const norm_job *job = context;
    job->variant->rms_norm_row(job->x + row * job->k, job->weight, job->epsilon, job->k, job->out + row * job->k);
}

void emu_rms_norm(emu_pool *pool, const float *x, const float *weight, float epsilon, size_t n, size_t k, float *out) {
    norm_job job = {variant(), x, weight, epsilon, k, out};
    emu_pool_run(pool, (uint32_t)n, norm_item, &job);
}

typedef struct {
    const emu_variant *variant;
    const float *x;
    const float *weight;
    const float *bias;
    float epsilon;
    size_t k;
    float *out;
} layer_norm_job;

static void layer_norm_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const layer_norm_job *job = context;
    job->variant->layer_norm_row(job->x + row * job->k, job->weight, job->bias, job->epsilon, job->k,
                                 job->out + row * job->k);
}

void emu_layer_norm(emu_pool *pool, const float *x, const float *weight, const float *bias, float epsilon, size_t n,
                    size_t k, float *out) {
    layer_norm_job job = {variant(), x, weight, bias, epsilon, k, out};
    emu_pool_run(pool, (uint32_t)n, layer_norm_item, &job);
}

typedef struct {
    void (*row)(float *x, size_t k);
    float *x;
    size_t k;
} activation_job;

static void activation_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const activation_job *job = context;
    job->row(job->x + row * job->k, job->k);
}

void emu_gelu(emu_pool *pool, float *x, size_t n, size_t k) {
    activation_job job = {variant()->gelu_row, x, k};
    emu_pool_run(pool, (uint32_t)n, activation_item, &job);
}

void emu_quick_gelu(emu_pool *pool, float *x, size_t n, size_t k) {
    activation_job job = {variant()->quick_gelu_row, x, k};
    emu_pool_run(pool, (uint32_t)n, activation_item, &job);
}

typedef struct {
    void (*row)(float *gate, const float *up, size_t k);
    float *gate;
    const float *up;
    size_t k;
} gate_job;

static void gate_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const gate_job *job = context;
    job->row(job->gate + row * job->k, job->up + row * job->k, job->k);
}

void emu_silu_multiply(emu_pool *pool, float *gate, const float *up, size_t n, size_t k) {
    gate_job job = {variant()->silu_multiply_row, gate, up, k};
    emu_pool_run(pool, (uint32_t)n, gate_item, &job);
}

void emu_gelu_multiply(emu_pool *pool, float *gate, const float *up, size_t n, size_t k) {
    gate_job job = {variant()->gelu_multiply_row, gate, up, k};
    emu_pool_run(pool, (uint32_t)n, gate_item, &job);
}

typedef struct {
    const emu_variant *variant;
    float *x;
    float cap;
    size_t k;
} cap_job;

static void cap_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const cap_job *job = context;
    job->variant->soft_cap_row(job->x + row * job->k, job->cap, job->k);
}

void emu_soft_cap(emu_pool *pool, float *x, float cap, size_t n, size_t k) {
    cap_job job = {variant(), x, cap, k};
    emu_pool_run(pool, (uint32_t)n, cap_item, &job);
}

typedef struct {
    float *x;
    size_t heads, d, rotated;
    bool half_split;
    const float *cosine;
    const float *sine;
} rope_job;

static void rope_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const rope_job *job = context;
    size_t pairs = job->rotated / 2;
    const float *c = job->cosine + row * pairs, *s = job->sine + row * pairs;
    size_t second = job->half_split ? pairs : 1, step = job->half_split ? 1 : 2;
    for (size_t h = 0; h < job->heads; h++) {
        float *x = job->x + (row * job->heads + h) * job->d;
        for (size_t i = 0; i < pairs; i++) {
            float a = x[i * step], b = x[i * step + second];
            x[i * step] = a * c[i] - b * s[i];
            x[i * step + second] = a * s[i] + b * c[i];
        }
    }
}

void emu_rope(emu_pool *pool, float *x, size_t n, size_t heads, size_t d, size_t rotated, bool half_split,
              const float *cosine, const float *sine) {
    rope_job job = {x, heads, d, rotated, half_split, cosine, sine};
    emu_pool_run(pool, (uint32_t)n, rope_item, &job);
}

typedef struct {
    const emu_variant *variant;
    const float *q;
    int32_t type;
    const uint8_t *keys, *values;
    size_t head_bytes;
    const int32_t *const *slots;
    const int32_t *lengths;
    size_t heads, key_heads, d;
    float scale;
    size_t max_length;
    float *scratch, *out;
} attention_job;

static void attention_item(void *context, uint32_t index, int thread) {
    const attention_job *job = context;
    size_t row = index / job->heads, head = index % job->heads;
    size_t offset = head / (job->heads / job->key_heads) * job->head_bytes;
    job->variant->attend(job->q + index * job->d, job->type, job->keys + offset, job->values + offset,
                         job->slots[row], (size_t)job->lengths[row], job->key_heads * job->head_bytes, job->d, job->scale,
                         job->scratch + (size_t)thread * job->max_length, job->out + index * job->d);
}

bool emu_cache_type_supported(int32_t type) { return type == EMU_F32 || type == EMU_F16 || type == EMU_Q8_0; }

void emu_quantize(int32_t type, const float *values, void *out, size_t count) {
    variant()->quantize(type, values, out, count);
}

void emu_attention(emu_pool *pool, const float *q, int32_t cache_type, const void *keys, const void *values,
                   size_t head_bytes, const int32_t *const *slots, const int32_t *lengths, size_t n, size_t heads,
                   size_t key_heads, size_t d, float scale, size_t max_length, float *scratch, float *out) {
    attention_job job = {variant(), q,   cache_type, keys,  values,     head_bytes, slots, lengths,
                         heads,     key_heads, d,    scale, max_length, scratch,    out};
    emu_pool_run(pool, (uint32_t)(n * heads), attention_item, &job);
}

void emu_add(float *x, const float *y, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] += y[i];
}

void emu_scale(float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

double emu_log_sum_exp(const float *x, size_t count) {
    float greatest;
    double sum = variant()->softmax_weights(x, count, 1.0f, NULL, &greatest);
    return isfinite(greatest) ? (double)greatest + log(sum) : (double)greatest;
}

double emu_softmax_weights(const float *x, size_t count, float temperature, float *weights) {
    float greatest;
    double sum = variant()->softmax_weights(x, count, temperature, weights, &greatest);
    return isfinite(greatest) ? sum : NAN;
}

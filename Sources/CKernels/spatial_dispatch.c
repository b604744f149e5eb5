// Chooses the variant for operations over pictures' activations, and spreads them over the threads.

#include "spatial.h"
#include "variant.h"

#include <math.h>
#include <string.h>

const emu_spatial_variant *emu_selected_spatial_variant(void) {
#if defined(__x86_64__)
    emu_level level = emu_selected_level();
    if (level >= EMU_LEVEL_AVX512) return &emu_spatial_avx512;
    if (level == EMU_LEVEL_AVX2) return &emu_spatial_avx2;
#endif
    return &emu_spatial_plain;
}

static uint32_t items(size_t count, size_t each) { return (uint32_t)((count + each - 1) / each); }

static size_t limited(size_t count, uint32_t index, size_t each) {
    size_t left = count - (size_t)index * each;
    return left < each ? left : each;
}

// ---------------------------------------------------------------------------------------------------------------
// Convolution

// Positions that are laid out by one item.
enum { PATCHES_PER_ITEM = 8 };

typedef struct {
    const emu_patch_grid *grid;
    size_t first, count;
    float *out;
} patch_job;

static void lay_out_patch(const emu_patch_grid *grid, size_t position, float *out) {
    static const float zero = 0;
    size_t row = position / grid->out_width * grid->stride, column = position % grid->out_width * grid->stride;
    size_t channels = grid->channels, taps = grid->kernel * grid->kernel;
    if (grid->kernel == 3) {
        const float *from[9];
        size_t step[9];
        bool inside = true;
        for (size_t t = 0; t < 9; t++) {
            const float *p = emu_seen(grid, row + t / 3, column + t % 3);
            from[t] = p == NULL ? &zero : p;
            step[t] = p != NULL;
            inside &= p != NULL;
        }
        if (inside) {
            for (size_t c = 0; c < channels; c++) {
#pragma clang loop unroll(full)
                for (int t = 0; t < 9; t++) out[c * 9 + (size_t)t] = from[t][c];
            }
        } else {
            for (size_t c = 0; c < channels; c++) {
                for (size_t t = 0; t < 9; t++) out[c * 9 + t] = from[t][c * step[t]];
            }
        }
        return;
    }
    for (size_t t = 0; t < taps; t++) {
        const float *p = emu_seen(grid, row + t / grid->kernel, column + t % grid->kernel);
        for (size_t c = 0; c < channels; c++) out[c * taps + t] = p == NULL ? 0 : p[c];
    }
}

static void patch_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const patch_job *job = context;
    size_t first = (size_t)index * PATCHES_PER_ITEM, count = limited(job->count, index, PATCHES_PER_ITEM);
    size_t columns = job->grid->channels * job->grid->kernel * job->grid->kernel;
    for (size_t i = first; i < first + count; i++) lay_out_patch(job->grid, job->first + i, job->out + i * columns);
}

void emu_patches(struct emu_pool *pool, const emu_patch_grid *grid, size_t first, size_t count, float *out) {
    patch_job job = {grid, first, count, out};
    emu_pool_run(pool, items(count, PATCHES_PER_ITEM), patch_item, &job);
}

// ---------------------------------------------------------------------------------------------------------------
// GroupNorm

typedef struct {
    const emu_spatial_variant *variant;
    const float *x;
    size_t n, channels;
    const float *mean;
    float *sums;
} sum_job;

static void sum_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const sum_job *job = context;
    job->variant->channel_sums(job->x + (size_t)index * EMU_STATISTICS_ROWS * job->channels,
                               limited(job->n, index, EMU_STATISTICS_ROWS), job->channels, job->mean,
                               job->sums + (size_t)index * job->channels);
}

/// The mean over each group of what the parts' sums[parts, C] add up to, in the order of the parts.
static void group_means(const float *sums, size_t parts, size_t n, size_t channels, size_t groups, float *mean) {
    size_t size = channels / groups;
    for (size_t g = 0; g < groups; g++) {
        double total = 0;
        for (size_t p = 0; p < parts; p++) {
            for (size_t c = g * size; c < (g + 1) * size; c++) total += (double)sums[p * channels + c];
        }
        for (size_t c = g * size; c < (g + 1) * size; c++) mean[c] = (float)(total / ((double)n * (double)size));
    }
}

size_t emu_group_statistics_scratch(size_t n, size_t channels) { return items(n, EMU_STATISTICS_ROWS) * channels; }

void emu_group_statistics(struct emu_pool *pool, const float *x, size_t n, size_t channels, size_t groups, float epsilon,
                          float *scratch, float *mean, float *inverse) {
    sum_job job = {emu_selected_spatial_variant(), x, n, channels, NULL, scratch};
    uint32_t parts = items(n, EMU_STATISTICS_ROWS);
    emu_pool_run(pool, parts, sum_item, &job);
    group_means(scratch, parts, n, channels, groups, mean);
    // In two passes: the square of a large mean would swallow a small variance.
    job.mean = mean;
    emu_pool_run(pool, parts, sum_item, &job);
    group_means(scratch, parts, n, channels, groups, inverse);
    for (size_t c = 0; c < channels; c++) inverse[c] = 1.0f / sqrtf(inverse[c] + epsilon);
}

// Positions that are normalised by one item.
enum { ROWS_PER_ITEM = 32 };

typedef struct {
    const emu_spatial_variant *variant;
    const float *x;
    size_t n, channels;
    const float *mean, *inverse, *weight, *bias;
    bool silu;
    float *out;
} normalize_job;

static void normalize_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const normalize_job *job = context;
    size_t offset = (size_t)index * ROWS_PER_ITEM * job->channels;
    job->variant->normalize_rows(job->x + offset, limited(job->n, index, ROWS_PER_ITEM), job->channels, job->mean,
                                 job->inverse, job->weight, job->bias, job->silu, job->out + offset);
}

void emu_group_normalize(struct emu_pool *pool, const float *x, size_t n, size_t channels, const float *mean,
                         const float *inverse, const float *weight, const float *bias, bool silu, float *out) {
    normalize_job job = {emu_selected_spatial_variant(), x, n, channels, mean, inverse, weight, bias, silu, out};
    emu_pool_run(pool, items(n, ROWS_PER_ITEM), normalize_item, &job);
}

// ---------------------------------------------------------------------------------------------------------------
// Gated GELU

typedef struct {
    const emu_spatial_variant *variant;
    const float *x;
    size_t k;
    float *out;
} gate_job;

static void gate_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const gate_job *job = context;
    job->variant->gelu_gate_row(job->x + (size_t)row * 2 * job->k, job->k, job->out + (size_t)row * job->k);
}

void emu_gelu_gate(struct emu_pool *pool, const float *x, size_t n, size_t k, float *out) {
    gate_job job = {emu_selected_spatial_variant(), x, k, out};
    emu_pool_run(pool, (uint32_t)n, gate_item, &job);
}

// ---------------------------------------------------------------------------------------------------------------
// Attention without a mask

typedef struct {
    const emu_spatial_variant *variant;
    const float *q, *keys, *values;
    size_t n, m, heads, d, padded, blocks;
    float scale;
    float *packed_keys, *packed_values;
    float *out;
} whole_job;

static size_t key_floats(const whole_job *job) { return job->blocks * EMU_WHOLE_KEYS * job->d; }
static size_t value_floats(const whole_job *job) { return job->blocks * EMU_WHOLE_KEYS * job->padded; }

static whole_job shaped(size_t m, size_t heads, size_t d) {
    return (whole_job){.m = m, .heads = heads, .d = d, .padded = (d + 15) / 16 * 16,
                       .blocks = (m + EMU_WHOLE_KEYS - 1) / EMU_WHOLE_KEYS};
}

size_t emu_whole_attention_scratch(size_t m, size_t heads, size_t d) {
    whole_job job = shaped(m, heads, d);
    // The keys' part ends at a multiple of 16 floats, since a block has 64 keys.
    return heads * (key_floats(&job) + value_floats(&job));
}

/// Lays out one block of one head's keys and values.
static void pack_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const whole_job *job = context;
    size_t head = index / job->blocks, first = index % job->blocks * EMU_WHOLE_KEYS;
    size_t stride = job->heads * job->d, d = job->d;
    float *keys = job->packed_keys + head * key_floats(job) + first * d;
    float *values = job->packed_values + head * value_floats(job) + first * job->padded;
    for (size_t t = 0; t < EMU_WHOLE_KEYS; t++) {
        bool exists = first + t < job->m;
        const float *key = job->keys + (first + t) * stride + head * d;
        const float *value = job->values + (first + t) * stride + head * d;
        for (size_t i = 0; i < d; i++) keys[i * EMU_WHOLE_KEYS + t] = exists ? key[i] : 0;
        for (size_t i = 0; i < job->padded; i++) values[t * job->padded + i] = exists && i < d ? value[i] : 0;
    }
}

static void whole_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const whole_job *job = context;
    // Neighbouring items share a head's keys.
    uint32_t parts = items(job->n, EMU_WHOLE_QUERIES);
    size_t head = index / parts, first = index % parts * (size_t)EMU_WHOLE_QUERIES, stride = job->heads * job->d;
    emu_whole_part part = {
        .q = job->q + first * stride + head * job->d,
        .rows = limited(job->n, index % parts, EMU_WHOLE_QUERIES),
        .stride = stride,
        .keys = job->packed_keys + head * key_floats(job),
        .values = job->packed_values + head * value_floats(job),
        .m = job->m,
        .d = job->d,
        .padded = job->padded,
        .scale = job->scale,
        .out = job->out + first * stride + head * job->d,
    };
    job->variant->attend_whole(&part);
}

void emu_whole_attention(struct emu_pool *pool, const float *q, const float *keys, const float *values, size_t n, size_t m,
                         size_t heads, size_t d, float scale, float *scratch, float *out) {
    whole_job job = shaped(m, heads, d);
    job.variant = emu_selected_spatial_variant();
    job.q = q;
    job.keys = keys;
    job.values = values;
    job.n = n;
    job.scale = scale;
    job.packed_keys = scratch;
    job.packed_values = scratch + heads * key_floats(&job);
    job.out = out;
    emu_pool_run(pool, (uint32_t)(heads * job.blocks), pack_item, &job);
    emu_pool_run(pool, (uint32_t)heads * items(n, EMU_WHOLE_QUERIES), whole_item, &job);
}

// Chooses the packed variant by the CPU, and spreads products over the threads.

#include "packed.h"
#include "variant.h"

#include <string.h>

const emu_packed_variant *emu_selected_packed_variant(void) {
#if defined(__x86_64__)
    switch (emu_selected_level()) {
    case EMU_LEVEL_PLAIN: return &emu_packed_plain;
    case EMU_LEVEL_AVX2: return &emu_packed_avx2;
    case EMU_LEVEL_AVX512:
        if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16")) return &emu_packed_avx512;
        return &emu_packed_avx2;
    case EMU_LEVEL_AMX: return &emu_packed_amx;
    }
#endif
    return &emu_packed_plain;
}

const char *emu_packed_kernel_name(void) { return emu_selected_packed_variant()->name; }

bool emu_packed_widens(void) { return emu_selected_packed_variant()->widens_above != SIZE_MAX; }

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Lays the arrays of the activations out in `scratch`; returns the bytes that they take.
static size_t lay_out(emu_activations *a, uint8_t *scratch) {
    size_t at = 0;
    for (int t = 0; t < 2; t++) {
        emu_narrowed *term = a->terms + t;
        term->quants = (int8_t *)(scratch + at);
        at += aligned(a->n * a->k);
        term->scales = (float *)(scratch + at);
        at += aligned(a->n * a->blocks * sizeof(float));
        int32_t **sums[] = {&term->negative_8, &term->negative_128, &term->first_negative_128};
        for (int i = 0; i < 3; i++) {
            *sums[i] = (int32_t *)(scratch + at);
            at += aligned(a->n * a->blocks * sizeof(int32_t));
        }
    }
    a->has_second = scratch + at;
    at += aligned(a->n * a->blocks);
    a->value_sums = (float *)(scratch + at);
    at += aligned(a->n * a->blocks * sizeof(float));
    a->halves = (uint16_t *)(scratch + at);
    return at + aligned(a->n * a->k * sizeof(uint16_t));
}

size_t emu_packed_scratch_bytes(size_t n, size_t k) {
    emu_activations a = {.n = n, .k = k, .blocks = k / EMU_PACK_COLUMNS};
    return lay_out(&a, NULL);
}

typedef struct {
    const emu_packed_variant *variant;
    const float *x;
    emu_activations activations;
    bool quants, halves;
    const emu_packed_product *products;
    size_t count;
    size_t panels_per_item;
} packed_job;

static void narrow_item(void *context, uint32_t row, int thread) {
    (void)thread;
    const packed_job *job = context;
    job->variant->narrow_row(job->x + row * job->activations.k, &job->activations, row, job->quants, job->halves);
}

static size_t panel_count(const emu_packed_product *product) {
    return (product->rows + EMU_PACK_ROWS - 1) / EMU_PACK_ROWS;
}

static void product_item(void *context, uint32_t index, int thread) {
    (void)thread;
    const packed_job *job = context;
    size_t panel = (size_t)index * job->panels_per_item, end = panel + job->panels_per_item;
    for (size_t i = 0; i < job->count; i++) {
        const emu_packed_product *product = job->products + i;
        size_t panels = panel_count(product);
        emu_layout layout = emu_layout_of_type(product->type);
        size_t bytes = layout_panel_bytes(layout, job->activations.blocks);
        if (panel < panels) {
            size_t first = panel * EMU_PACK_ROWS, last = (end < panels ? end : panels) * EMU_PACK_ROWS;
            size_t rows = (product->rows < last ? product->rows : last) - first;
            const float *bias = product->bias == NULL ? NULL : product->bias + first;
            job->variant->panels_product(layout, (const uint8_t *)product->packed + panel * bytes, &job->activations,
                                         product->scale == NULL ? bias : NULL, rows, product->out + first,
                                         product->rows);
            if (product->scale != NULL) {
                emu_scale_outputs(product->out + first, job->activations.n, rows, product->rows, product->scale + first,
                                  bias);
            }
            panel = end < panels ? end : panels;
        }
        if (end <= panels) return;
        panel -= panels;
        end -= panels;
    }
}

/// Enough work to pay for a claim; as many panels as the variant likes while every thread still gets several items.
static size_t panels_of_item(const emu_packed_variant *variant, size_t panels, size_t n, size_t k, int threads) {
    size_t least = emu_panels_per_item(EMU_PACK_ROWS * k * n, 131072), share = panels / (4 * (size_t)threads);
    size_t liked = n < variant->tile_rows ? 1 : share < variant->panels_at_once ? share : variant->panels_at_once;
    return least > liked ? least : liked;
}

void emu_packed_multiply(emu_pool *pool, const emu_packed_product *products, size_t count, const float *x, size_t n,
                         size_t k, bool may_widen, void *scratch) {
    packed_job job = {.variant = emu_selected_packed_variant(), .x = x, .products = products, .count = count};
    job.activations = (emu_activations){
        .n = n, .k = k, .blocks = k / EMU_PACK_COLUMNS, .tile_rows = job.variant->tile_rows};
    job.activations.widens = may_widen && n > job.variant->widens_above;
    lay_out(&job.activations, scratch);
    size_t panels = 0;
    for (size_t i = 0; i < count; i++) {
        panels += panel_count(products + i);
        if (job.activations.widens || emu_layout_of_type(products[i].type) == EMU_LAYOUT_BF16) job.halves = true;
        else job.quants = true;
    }
    emu_pool_run(pool, (uint32_t)n, narrow_item, &job);
    job.panels_per_item = panels_of_item(job.variant, panels, n, k, emu_pool_threads(pool));
    emu_pool_run(pool, (uint32_t)((panels + job.panels_per_item - 1) / job.panels_per_item), product_item, &job);
}

typedef struct {
    const emu_packed_variant *variant;
    const float *q;
    int32_t type;
    const uint8_t *keys, *values;
    size_t head_bytes;
    const int32_t *const *slots;
    const int32_t *lengths;
    size_t n, heads, key_heads, d;
    float scale;
    /// Rows that an item has, and parts of keys that a row is cut into (1: all parts in one item).
    size_t rows_per_item, parts;
    /// [parts, N, H]: greatest scores, then sums; [parts, N, H, D]
    float *greatest, *sums, *partial;
    float *out;
} attention_job;

/// Rows from `row` on that see the same slots and may share a pass, at most `rows_per_item`, never across its multiple.
static size_t shared_rows(const attention_job *job, size_t row, size_t end) {
    size_t count = 1;
    while (row + count < end && job->slots[row + count] == job->slots[row]) count++;
    return count;
}

static emu_attention_part attention_part(const attention_job *job, size_t row, size_t key_head) {
    size_t group = job->heads / job->key_heads;
    return (emu_attention_part){
        .q = job->q + (row * job->heads + key_head * group) * job->d, .rows = 1, .group = group, .d = job->d,
        .row_stride = job->heads * job->d, .type = job->type, .keys = job->keys + key_head * job->head_bytes,
        .values = job->values + key_head * job->head_bytes, .slot_stride = job->key_heads * job->head_bytes,
        .slots = job->slots[row], .lengths = job->lengths + row, .scale = job->scale};
}

static void finish_row(const float *sums, const float *partial, size_t group, size_t d, float *out) {
    for (size_t g = 0; g < group; g++) {
        float inverse = 1.0f / sums[g];
        for (size_t i = 0; i < d; i++) out[g * d + i] = partial[g * d + i] * inverse;
    }
}

/// All keys of some rows of one key head.
static void attention_rows(void *context, uint32_t index, int thread) {
    (void)thread;
    const attention_job *job = context;
    size_t key_head = index % job->key_heads, row = index / job->key_heads * job->rows_per_item;
    size_t end = row + job->rows_per_item < job->n ? row + job->rows_per_item : job->n;
    size_t group = job->heads / job->key_heads;
    float sums[2][EMU_ATTENTION_QUERIES], greatest[2][EMU_ATTENTION_QUERIES];
    float partial[2][EMU_ATTENTION_QUERIES * EMU_MAX_HEAD_SIZE];
    while (row < end) {
        emu_attention_part part = attention_part(job, row, key_head);
        part.rows = shared_rows(job, row, end);
        size_t longest = 0;
        for (size_t r = 0; r < part.rows; r++) {
            if ((size_t)part.lengths[r] > longest) longest = (size_t)part.lengths[r];
        }
        for (part.first = 0; part.first < longest; part.first += EMU_ATTENTION_PART) {
            int place = part.first > 0;
            part.end = part.first + EMU_ATTENTION_PART;
            part.greatest = greatest[place];
            part.sums = sums[place];
            part.out = partial[place];
            job->variant->attend_part(&part);
            if (place == 1) {
                job->variant->merge_parts(part.rows * group, job->d, greatest[0], sums[0], partial[0], greatest[1],
                                          sums[1], partial[1]);
            }
        }
        for (size_t r = 0; r < part.rows; r++) {
            finish_row(sums[0] + r * group, partial[0] + r * group * job->d, group, job->d,
                       job->out + ((row + r) * job->heads + key_head * group) * job->d);
        }
        row += part.rows;
    }
}

/// One part of the keys of one row and key head.
static void attention_of_part(void *context, uint32_t index, int thread) {
    (void)thread;
    const attention_job *job = context;
    size_t key_head = index % job->key_heads, row = index / job->key_heads % job->n;
    size_t number = index / job->key_heads / job->n, group = job->heads / job->key_heads;
    size_t at = (number * job->n + row) * job->heads + key_head * group;
    emu_attention_part part = attention_part(job, row, key_head);
    part.first = number * EMU_ATTENTION_PART;
    part.end = part.first + EMU_ATTENTION_PART;
    part.greatest = job->greatest + at;
    part.sums = job->sums + at;
    part.out = job->partial + at * job->d;
    job->variant->attend_part(&part);
}

static size_t part_count(const int32_t *lengths, size_t n) {
    size_t longest = 1;
    for (size_t i = 0; i < n; i++) {
        if ((size_t)lengths[i] > longest) longest = (size_t)lengths[i];
    }
    return (longest + EMU_ATTENTION_PART - 1) / EMU_ATTENTION_PART;
}

/// Whether there are too few rows and key heads to occupy the threads without cutting the keys.
static bool cuts_keys(int threads, size_t n, size_t key_heads, size_t parts) {
    return parts > 1 && n * key_heads < 4 * (size_t)threads;
}

size_t emu_fused_attention_scratch_bytes(int threads, const int32_t *lengths, size_t n, size_t heads, size_t key_heads,
                                         size_t d) {
    size_t parts = part_count(lengths, n);
    return cuts_keys(threads, n, key_heads, parts) ? parts * n * heads * (d + 2) * sizeof(float) : 0;
}

bool emu_fused_attention_supported(size_t heads, size_t key_heads, size_t d) {
    return key_heads > 0 && heads / key_heads <= EMU_ATTENTION_QUERIES && d > 0 && d <= EMU_MAX_HEAD_SIZE;
}

void emu_fused_attention(emu_pool *pool, const float *q, int32_t cache_type, const void *keys, const void *values,
                         size_t head_bytes, const int32_t *const *slots, const int32_t *lengths, size_t n, size_t heads,
                         size_t key_heads, size_t d, float scale, void *scratch, float *out) {
    attention_job job = {emu_selected_packed_variant(), q,     cache_type, keys,      values, head_bytes, slots,
                         lengths,          n,     heads,      key_heads, d,      scale};
    size_t group = heads / key_heads;
    job.out = out;
    job.parts = part_count(lengths, n);
    if (cuts_keys(emu_pool_threads(pool), n, key_heads, job.parts)) {
        job.greatest = scratch;
        job.sums = job.greatest + job.parts * n * heads;
        job.partial = job.sums + job.parts * n * heads;
        emu_pool_run(pool, (uint32_t)(job.parts * n * key_heads), attention_of_part, &job);
        for (size_t number = 1; number < job.parts; number++) {
            size_t at = number * n * heads;
            job.variant->merge_parts(n * heads, d, job.greatest, job.sums, job.partial, job.greatest + at,
                                     job.sums + at, job.partial + at * d);
        }
        finish_row(job.sums, job.partial, n * heads, d, out);
        return;
    }
    job.rows_per_item = EMU_ATTENTION_QUERIES / group;
    size_t items = (n + job.rows_per_item - 1) / job.rows_per_item * key_heads;
    emu_pool_run(pool, (uint32_t)items, attention_rows, &job);
}

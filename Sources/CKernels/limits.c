// Measures what the machine can do, on all threads of a pool at once.

#define _GNU_SOURCE
#include "packed.h"

#include <stdatomic.h>
#include <time.h>

typedef struct {
    const emu_packed_variant *variant;
    emu_limit limit;
    size_t rounds;
    const uint8_t *memory;
    size_t bytes_per_item;
    _Atomic uint32_t sink;
} limit_job;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void limit_item(void *context, uint32_t index, int thread) {
    (void)thread;
    limit_job *job = context;
    uint32_t result;
    if (job->limit == EMU_LIMIT_READ) {
        result = job->variant->read_memory(job->memory + index * job->bytes_per_item, job->bytes_per_item);
    } else {
        result = job->variant->run_limit(job->limit, job->rounds, index) > 0;
    }
    atomic_fetch_xor_explicit(&job->sink, result, memory_order_relaxed);
}

double emu_measure_limit(emu_pool *pool, emu_limit limit, int runs, const void *memory, size_t bytes) {
    enum { ITEMS_PER_THREAD = 8 };
    uint32_t items = (uint32_t)emu_pool_threads(pool) * ITEMS_PER_THREAD;
    limit_job job = {.variant = emu_selected_packed_variant(), .limit = limit, .memory = memory};
    // A few milliseconds an item: a thread that is taken away for a moment is made up for by the others.
    job.rounds = 2000000;
    job.bytes_per_item = bytes / items / 4096 * 4096;
    double done = limit == EMU_LIMIT_READ ? (double)job.bytes_per_item * items
                                          : 2.0 * (double)job.variant->limit_operations(limit) * (double)job.rounds * items;
    double best = 0;
    for (int run = 0; run < runs; run++) {
        double began = now();
        emu_pool_run(pool, items, limit_item, &job);
        double rate = done / (now() - began);
        if (rate > best) best = rate;
    }
    return best;
}

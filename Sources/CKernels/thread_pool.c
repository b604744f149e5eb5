// A pool of threads that share one parallel loop at a time.
//
// The loop is one 64-bit word: the upper half counts loops, the lower half the items that nobody has claimed. A thread
// claims an item by a compare-and-swap on the whole word, so a thread that wakes late sees another loop number and
// cannot touch a loop that is over; nobody waits for threads that did not come. Idle workers spin briefly, since the
// decoder starts a loop every few microseconds, and then sleep on a futex.

#define _GNU_SOURCE
#include "CKernels.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// About 30 microseconds of pauses: longer than the serial parts between two loops, shorter than a scheduler's slice.
enum { SPINS_BEFORE_SLEEP = 4000, SPINS_BEFORE_YIELD = 4000 };

struct emu_pool {
    _Alignas(64) _Atomic uint64_t loop;
    _Alignas(64) _Atomic uint32_t completed;
    _Alignas(64) _Atomic uint32_t wake_count;
    _Atomic uint32_t sleepers;
    _Atomic bool stopping;
    _Atomic bool cancelled;
    emu_pool_question is_cancelled;
    void *question;
    emu_loop_body body;
    void *context;
    int worker_count;
    struct worker {
        emu_pool *pool;
        int thread;
        pthread_t handle;
    } workers[];
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Asks whether what is computed is still wanted. Only the caller's thread asks, so the question need not bear several.
static inline void ask(emu_pool *pool) {
    if (pool->is_cancelled != NULL && pool->is_cancelled(pool->question)) {
        atomic_store_explicit(&pool->cancelled, true, memory_order_relaxed);
    }
}

/// Runs one claimed item, unless the loop was cancelled.
static inline void run_item(emu_pool *pool, uint32_t index, int thread, emu_loop_body body, void *context) {
    if (thread == 0) ask(pool);
    if (!atomic_load_explicit(&pool->cancelled, memory_order_relaxed)) body(context, index, thread);
}

/// Works on the current loop until all its items are claimed.
static void work(emu_pool *pool, int thread) {
    uint64_t seen = atomic_load_explicit(&pool->loop, memory_order_acquire);
    while ((uint32_t)seen != 0) {
        if (!atomic_compare_exchange_weak_explicit(&pool->loop, &seen, seen - 1, memory_order_acquire,
                                                   memory_order_acquire)) {
            continue;
        }
        // The claimed item keeps the loop alive, so body and context are this loop's.
        run_item(pool, (uint32_t)seen - 1, thread, pool->body, pool->context);
        atomic_fetch_add_explicit(&pool->completed, 1, memory_order_release);
        seen = atomic_load_explicit(&pool->loop, memory_order_acquire);
    }
}

static void *worker_main(void *argument) {
    const struct worker *self = argument;
    emu_pool *pool = self->pool;
    for (;;) {
        int spins = 0;
        while ((uint32_t)atomic_load_explicit(&pool->loop, memory_order_acquire) == 0) {
            if (atomic_load_explicit(&pool->stopping, memory_order_acquire)) return NULL;
            if (spins++ < SPINS_BEFORE_SLEEP) {
                pause_briefly();
                continue;
            }
            uint32_t count = atomic_load(&pool->wake_count);
            atomic_fetch_add(&pool->sleepers, 1);
            // Looked at once more after the announcement: whoever publishes after it sees a sleeper and wakes it.
            if ((uint32_t)atomic_load(&pool->loop) == 0 && !atomic_load(&pool->stopping)) {
                syscall(SYS_futex, &pool->wake_count, FUTEX_WAIT_PRIVATE, count, NULL, NULL, 0);
            }
            atomic_fetch_sub(&pool->sleepers, 1);
            spins = 0;
        }
        work(pool, self->thread);
    }
}

static void wake(emu_pool *pool) {
    if (atomic_load(&pool->sleepers) == 0) return;
    atomic_fetch_add(&pool->wake_count, 1);
    syscall(SYS_futex, &pool->wake_count, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}

emu_pool *emu_pool_create(int threads) {
    if (threads < 1) threads = 1;
    size_t size = sizeof(emu_pool) + sizeof(struct worker) * (size_t)(threads - 1);
    emu_pool *pool = NULL;
    if (posix_memalign((void **)&pool, 64, size) != 0) return NULL;
    atomic_init(&pool->loop, 0);
    atomic_init(&pool->completed, 0);
    atomic_init(&pool->wake_count, 0);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->stopping, false);
    atomic_init(&pool->cancelled, false);
    pool->is_cancelled = NULL;
    pool->question = NULL;
    pool->body = NULL;
    pool->context = NULL;
    pool->worker_count = 0;
    for (int i = 0; i < threads - 1; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].thread = i + 1;
        if (pthread_create(&pool->workers[i].handle, NULL, worker_main, &pool->workers[i]) != 0) {
            emu_pool_destroy(pool);
            return NULL;
        }
        pool->worker_count++;
    }
    return pool;
}

void emu_pool_destroy(emu_pool *pool) {
    if (pool == NULL) return;
    atomic_store(&pool->stopping, true);
    wake(pool);
    for (int i = 0; i < pool->worker_count; i++) pthread_join(pool->workers[i].handle, NULL);
    free(pool);
}

int emu_pool_threads(const emu_pool *pool) { return pool == NULL ? 1 : pool->worker_count + 1; }

void emu_pool_run(emu_pool *pool, uint32_t count, emu_loop_body body, void *context) {
    if (count == 0) return;
    if (pool == NULL) {
        for (uint32_t i = 0; i < count; i++) body(context, i, 0);
        return;
    }
    if (pool->worker_count == 0 || count == 1) {
        for (uint32_t i = 0; i < count; i++) run_item(pool, i, 0, body, context);
        return;
    }
    // The caller may come to claim no item of its own.
    ask(pool);
    if (atomic_load_explicit(&pool->cancelled, memory_order_relaxed)) return;
    pool->body = body;
    pool->context = context;
    atomic_store_explicit(&pool->completed, 0, memory_order_relaxed);
    uint64_t number = (atomic_load_explicit(&pool->loop, memory_order_relaxed) >> 32) + 1;
    atomic_store(&pool->loop, number << 32 | count);
    wake(pool);
    work(pool, 0);
    int spins = 0;
    while (atomic_load_explicit(&pool->completed, memory_order_acquire) != count) {
        if (spins++ < SPINS_BEFORE_YIELD) {
            pause_briefly();
        } else {
            sched_yield();
        }
    }
}

void emu_pool_begin_cancellable(emu_pool *pool, emu_pool_question is_cancelled, void *context) {
    if (pool == NULL) return;
    atomic_store_explicit(&pool->cancelled, false, memory_order_relaxed);
    pool->is_cancelled = is_cancelled;
    pool->question = context;
}

bool emu_pool_end_cancellable(emu_pool *pool) {
    if (pool == NULL) return false;
    pool->is_cancelled = NULL;
    pool->question = NULL;
    return atomic_exchange_explicit(&pool->cancelled, false, memory_order_relaxed);
}

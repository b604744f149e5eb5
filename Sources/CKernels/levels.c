// Finds out what the CPU has, once, and which level of it the calling thread is to use.

#define _GNU_SOURCE
#include "CKernels.h"
#include "variant.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static emu_level best;
static pthread_once_t chosen = PTHREAD_ONCE_INIT;
/// What the caller's thread asked for instead. An operation reads it once, before it spreads over the pool's threads.
static _Thread_local bool is_asked = false;
static _Thread_local emu_level asked;

static const char *const level_names[] = {
    [EMU_LEVEL_PLAIN] = "plain", [EMU_LEVEL_AVX2] = "avx2", [EMU_LEVEL_AVX512] = "avx512", [EMU_LEVEL_AMX] = "amx"};

#if defined(__x86_64__)
/// Whether the CPU has AMX for bytes and bf16, and the system lends its registers, which it has to be asked for.
static bool has_matrix_products(void) {
#if defined(__linux__)
    enum { ARCH_REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, BF16 = 1 << 22, TILES = 1 << 24, BYTES = 1 << 25 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    unsigned wanted = BF16 | TILES | BYTES;
    return (d & wanted) == wanted && syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

/// The greatest level that this CPU has.
static emu_level greatest_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    bool amx = avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16") &&
               has_matrix_products();
    if (avx2) return amx ? EMU_LEVEL_AMX : avx512 ? EMU_LEVEL_AVX512 : EMU_LEVEL_AVX2;
#endif
    return EMU_LEVEL_PLAIN;
}

/// Sets `level` to the one of a name if this CPU has it.
static bool find_level(const char *name, emu_level *level) {
    emu_level greatest = greatest_level();
    for (emu_level each = EMU_LEVEL_PLAIN; each <= greatest; each++) {
        if (strcmp(name, level_names[each]) != 0) continue;
        *level = each;
        return true;
    }
    return false;
}

static void choose(void) {
    const char *name = getenv("EMUCHAT_KERNEL");
    if (name == NULL || !find_level(name, &best)) best = greatest_level();
}

emu_level emu_selected_level(void) {
    if (is_asked) return asked;
    pthread_once(&chosen, choose);
    return best;
}

bool emu_kernel_available(const char *name) {
    emu_level level;
    return find_level(name, &level);
}

bool emu_kernel_use(const char *name) {
    emu_level level = EMU_LEVEL_PLAIN;
    if (name != NULL && !find_level(name, &level)) return false;
    is_asked = name != NULL;
    asked = level;
    return true;
}

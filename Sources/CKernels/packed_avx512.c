// Packed products for x86-64 CPUs with AVX-512 VNNI and BF16 (Cooper Lake, Zen 4 and later).
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c"))),                 \
    apply_to = function)
#define EMU_PACKED_VARIANT emu_packed_avx512
#define EMU_PACKED_NAME "avx512-vnni"
// Twelve sums of products, enough to hide their latency, and twelve running sums: 24 of 32 registers.
#define EMU_TILE_ROWS 12
#define EMU_HAS_MATRIX_PRODUCTS 0
#define EMU_BIAS_IN_SUMS 1
#define EMU_SHORT_SUMS 0
#define EMU_PACKED_STEPS "packed_steps_avx512.h"
#include "packed_kernels.h"
#pragma clang attribute pop
#endif

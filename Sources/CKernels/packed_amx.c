// Packed products for x86-64 CPUs with AMX (Sapphire Rapids and later), whose rows that fill no tile go through AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c,amx-tile,amx-int8,"  \
                          "amx-bf16"))),                                                                               \
    apply_to = function)
#define EMU_PACKED_VARIANT emu_packed_amx
#define EMU_PACKED_NAME "avx512-amx"
#define EMU_TILE_ROWS 16
#define EMU_HAS_MATRIX_PRODUCTS 1
#define EMU_BIAS_IN_SUMS 1
#define EMU_SHORT_SUMS 0
#define EMU_PACKED_STEPS "packed_steps_avx512.h"
#include "packed_kernels.h"
#pragma clang attribute pop
#endif

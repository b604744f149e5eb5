// The exact kernels for x86-64 CPUs with AVX-512.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
// 4 x 4 dot products of one register each: 16 of 32 registers hold sums.
#define EMU_VARIANT emu_variant_avx512
#define EMU_VARIANT_NAME "avx512"
#define EMU_TILE_M 4
#define EMU_TILE_N 4
#include "exact_kernels.h"
#pragma clang attribute pop
#endif

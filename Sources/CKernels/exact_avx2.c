// The exact kernels for x86-64 CPUs with AVX2, FMA and F16C (2013 and later).
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
// 3 x 2 dot products of two registers each: 12 of 16 registers hold sums.
#define EMU_VARIANT emu_variant_avx2
#define EMU_VARIANT_NAME "avx2"
#define EMU_TILE_M 3
#define EMU_TILE_N 2
#include "exact_kernels.h"
#pragma clang attribute pop
#endif

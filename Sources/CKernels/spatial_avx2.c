// Kernels over pictures' activations for x86-64 CPUs with AVX2, FMA and F16C (2013 and later).
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
// 6 x 1 sums of two registers each: 12 of 16 registers hold sums.
#define EMU_SPATIAL_VARIANT emu_spatial_avx2
#define EMU_OUTER_ROWS 6
#define EMU_OUTER_LANES 1
#include "spatial_kernels.h"
#pragma clang attribute pop
#endif

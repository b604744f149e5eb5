// Kernels over pictures' activations for x86-64 CPUs with AVX-512.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
// 6 x 4 sums of one register each: 24 of 32 registers hold sums.
#define EMU_SPATIAL_VARIANT emu_spatial_avx512
#define EMU_OUTER_ROWS 6
#define EMU_OUTER_LANES 4
#include "spatial_kernels.h"
#pragma clang attribute pop
#endif

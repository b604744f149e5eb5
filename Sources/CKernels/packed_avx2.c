// Packed products for x86-64 CPUs with AVX2, FMA and F16C (2013 and later).
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define EMU_PACKED_VARIANT emu_packed_avx2
#define EMU_PACKED_NAME "avx2"
// Two registers for each set of 16 lanes: four rows keep the sums of a block in eight of sixteen.
#define EMU_TILE_ROWS 4
#define EMU_HAS_MATRIX_PRODUCTS 0
#define EMU_BIAS_IN_SUMS 0
#define EMU_SHORT_SUMS 1
#define EMU_PACKED_STEPS "packed_steps_avx2.h"
#include "packed_kernels.h"
#pragma clang attribute pop
#endif

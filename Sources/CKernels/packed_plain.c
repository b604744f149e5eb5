// Packed products for any CPU.
#define EMU_PACKED_VARIANT emu_packed_plain
#define EMU_PACKED_NAME "plain"
#define EMU_TILE_ROWS 2
#define EMU_HAS_MATRIX_PRODUCTS 0
#define EMU_BIAS_IN_SUMS 0
#define EMU_SHORT_SUMS 0
#define EMU_PACKED_STEPS "packed_steps_plain.h"
#include "packed_kernels.h"

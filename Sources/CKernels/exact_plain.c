// The exact kernels for any CPU.
#define EMU_VARIANT emu_variant_plain
#define EMU_VARIANT_NAME "plain"
#define EMU_TILE_M 2
#define EMU_TILE_N 1
#include "exact_kernels.h"

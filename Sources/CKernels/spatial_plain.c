// Kernels over pictures' activations for any CPU.
#define EMU_SPATIAL_VARIANT emu_spatial_plain
#define EMU_OUTER_ROWS 2
#define EMU_OUTER_LANES 1
#include "spatial_kernels.h"

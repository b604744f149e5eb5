// Tiles of AMX: registers of 16 rows of 64 bytes, and what multiplies them.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.

#ifndef EMU_MATRIX_TILES_H
#define EMU_MATRIX_TILES_H

#include "packed.h"

enum {
    MATRIX_ROWS = 16,
    /// Tiles of activations, and blocks, that share what is prepared of a panel.
    MATRIX_GROUP = 16,
    MATRIX_BLOCKS = 32,
    /// Panels that share a pass over the activations.
    MATRIX_PANELS = 8,
};

/// Registers 0 to 3 are sums of `rows` rows and `columns` columns, 4 and 5 activations, 6 and 7 weights.
EMU_INLINE void configure_tiles(size_t rows, size_t activation_bytes, size_t weight_rows, size_t columns) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } configuration = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        configuration.row_bytes[i] = (uint16_t)(i == 4 || i == 5 ? activation_bytes : columns * 4);
        configuration.rows[i] = (uint8_t)(i < 6 ? rows : weight_rows);
    }
    _tile_loadconfig(&configuration);
}

#endif

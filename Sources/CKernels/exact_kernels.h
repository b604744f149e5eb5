// The exact kernels, written once in Clang's vector extensions and compiled once per variant.
//
// Includers define EMU_VARIANT (a suffix) and the tile EMU_TILE_M x EMU_TILE_N that fits their registers.

#include "convert_weights.h"
#include "exact_attention.h"
#include "exact_products.h"
#include "row_kernels.h"
#include "variant.h"

const emu_variant EMU_VARIANT = {
    .name = EMU_VARIANT_NAME,
    .dequantize = dequantize,
    .panel_product = panel_product,
    .rms_norm_row = rms_norm_row,
    .layer_norm_row = layer_norm_row,
    .quantize = quantize,
    .convert_weights = convert_weights,
    .attend = attend,
    .silu_multiply_row = silu_multiply_row,
    .gelu_multiply_row = gelu_multiply_row,
    .gelu_row = gelu_row,
    .quick_gelu_row = quick_gelu_row,
    .soft_cap_row = soft_cap_row,
    .softmax_weights = softmax_weights,
};

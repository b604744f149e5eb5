// From the file's rows of blocks to panels.

#include "blocks.h"
#include "dequantize.h"
#include "packed.h"

emu_layout emu_layout_of_type(int32_t type) {
    switch (type) {
    case EMU_Q4_0: return EMU_LAYOUT_4;
    case EMU_Q4_1:
    case EMU_Q4_K: return EMU_LAYOUT_4_MINIMUM;
    case EMU_Q5_0:
    case EMU_Q8_0: return EMU_LAYOUT_8;
    case EMU_Q5_1:
    case EMU_Q5_K: return EMU_LAYOUT_8_MINIMUM;
    case EMU_Q6_K: return EMU_LAYOUT_8_HALVES;
    case EMU_F16:
    case EMU_BF16: return EMU_LAYOUT_BF16;
    default: return EMU_LAYOUT_NONE;
    }
}

static uint16_t half_bits(float value) {
    _Float16 half = (_Float16)value;
    uint16_t bits;
    memcpy(&bits, &half, sizeof bits);
    return bits;
}

/// 32 weights as 16 bytes whose lower nibbles are the first half, or as 32 biased bytes; and one or two scales.
typedef struct {
    uint8_t quants[32];
    uint16_t scales[2];
} block_32;

static block_32 four_bits_of_k(const emu_block_q4_k *block, int group) {
    block_32 out;
    uint8_t scale, minimum;
    group_scale(block->scales, group, &scale, &minimum);
    const uint8_t *in = block->quants + 32 * (group / 2);
    int shift = group % 2 * 4;
    for (int i = 0; i < 16; i++) out.quants[i] = (uint8_t)((in[i] >> shift & 15) | (in[i + 16] >> shift & 15) << 4);
    out.scales[0] = half_bits(half_value(block->scale) * (float)scale);
    out.scales[1] = half_bits(-half_value(block->minimum) * (float)minimum);
    return out;
}

static block_32 eight_bits_of_k5(const emu_block_q5_k *block, int group) {
    block_32 out;
    uint8_t scale, minimum;
    group_scale(block->scales, group, &scale, &minimum);
    const uint8_t *in = block->quants + 32 * (group / 2);
    for (int i = 0; i < 32; i++) {
        out.quants[i] = (uint8_t)(128 + ((in[i] >> (group % 2 * 4) & 15) | (block->high[i] >> group & 1) << 4));
    }
    out.scales[0] = half_bits(half_value(block->scale) * (float)scale);
    out.scales[1] = half_bits(-half_value(block->minimum) * (float)minimum);
    return out;
}

static block_32 eight_bits_of_k6(const emu_block_q6_k *block, int group) {
    block_32 out;
    const uint8_t *low = block->low + 64 * (group / 4) + 32 * (group % 2), *high = block->high + 32 * (group / 4);
    for (int i = 0; i < 32; i++) {
        int quant = (low[i] >> (group % 4 < 2 ? 0 : 4) & 15) | (high[i] >> (2 * (group % 4)) & 3) << 4;
        out.quants[i] = (uint8_t)(128 + quant - 32);
    }
    for (int i = 0; i < 2; i++) {
        out.scales[i] = half_bits(half_value(block->scale) * (float)block->scales[2 * group + i]);
    }
    return out;
}

static block_32 eight_bits_of_5(uint32_t high, const uint8_t *quants, int zero) {
    block_32 out;
    for (int i = 0; i < 16; i++) {
        out.quants[i] = (uint8_t)(128 - zero + ((quants[i] & 15) | (high >> i & 1) << 4));
        out.quants[i + 16] = (uint8_t)(128 - zero + ((quants[i] >> 4) | (high >> (i + 16) & 1) << 4));
    }
    return out;
}

/// Block `b` of 32 columns of a row.
static block_32 read_block(int32_t type, const uint8_t *row, size_t b) {
    block_32 out;
    switch (type) {
    case EMU_Q4_0: {
        const emu_block_q4_0 *block = (const emu_block_q4_0 *)row + b;
        memcpy(out.quants, block->quants, 16);
        out.scales[0] = block->scale;
        return out;
    }
    case EMU_Q4_1: {
        const emu_block_q4_1 *block = (const emu_block_q4_1 *)row + b;
        memcpy(out.quants, block->quants, 16);
        out.scales[0] = block->scale;
        out.scales[1] = block->minimum;
        return out;
    }
    case EMU_Q5_0: {
        const emu_block_q5_0 *block = (const emu_block_q5_0 *)row + b;
        out = eight_bits_of_5(block->high, block->quants, 16);
        out.scales[0] = block->scale;
        return out;
    }
    case EMU_Q5_1: {
        const emu_block_q5_1 *block = (const emu_block_q5_1 *)row + b;
        out = eight_bits_of_5(block->high, block->quants, 0);
        out.scales[0] = block->scale;
        out.scales[1] = block->minimum;
        return out;
    }
    case EMU_Q4_K: return four_bits_of_k((const emu_block_q4_k *)row + b / 8, (int)(b % 8));
    case EMU_Q5_K: return eight_bits_of_k5((const emu_block_q5_k *)row + b / 8, (int)(b % 8));
    case EMU_Q6_K: return eight_bits_of_k6((const emu_block_q6_k *)row + b / 8, (int)(b % 8));
    default: {
        const emu_block_q8_0 *block = (const emu_block_q8_0 *)row + b;
        for (int i = 0; i < 32; i++) out.quants[i] = (uint8_t)block->quants[i] ^ 128;
        out.scales[0] = block->scale;
        return out;
    }
    }
}

typedef struct {
    int32_t type;
    const uint8_t *weights;
    size_t row_bytes, rows, columns;
    uint8_t *packed;
} pack_job;

static void pack_panel(void *context, uint32_t index, int thread) {
    (void)thread;
    const pack_job *job = context;
    emu_layout layout = emu_layout_of_type(job->type);
    size_t blocks = job->columns / EMU_PACK_COLUMNS, bytes = layout_panel_bytes(layout, blocks);
    uint8_t *panel = job->packed + index * bytes;
    size_t quant_bytes = layout_quant_bytes(layout), arrays = layout_scale_arrays(layout);
    size_t first = (size_t)index * EMU_PACK_ROWS;
    size_t rows = job->rows - first < EMU_PACK_ROWS ? job->rows - first : EMU_PACK_ROWS;
    if (rows < EMU_PACK_ROWS) memset(panel, 0, bytes);
    // Four columns (in bytes), or two (in bf16), of one row after another; the scales behind all quants.
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *row = job->weights + (first + r) * job->row_bytes;
        if (layout == EMU_LAYOUT_BF16) {
            for (size_t c = 0; c < job->columns; c++) {
                uint16_t bits;
                memcpy(&bits, row + 2 * c, 2);
                if (job->type == EMU_F16) bits = to_bf16(half_value(bits));
                memcpy(panel + c / 2 * 64 + r * 4 + c % 2 * 2, &bits, 2);
            }
            continue;
        }
        for (size_t b = 0; b < blocks; b++) {
            block_32 block = read_block(job->type, row, b);
            uint8_t *quants = panel + b * quant_bytes;
            for (size_t step = 0; step < quant_bytes / 64; step++) {
                memcpy(quants + step * 64 + r * 4, block.quants + step * 4, 4);
            }
            for (size_t array = 0; array < arrays; array++) {
                uint8_t *scales = panel + blocks * quant_bytes + (array * blocks + b) * EMU_SCALES_BYTES;
                memcpy(scales + r * 2, &block.scales[array], 2);
            }
        }
    }
}

size_t emu_packed_bytes(int32_t type, size_t rows, size_t columns) {
    emu_layout layout = emu_layout_of_type(type);
    if (layout == EMU_LAYOUT_NONE || columns % EMU_PACK_COLUMNS != 0 || rows == 0 || columns == 0) return 0;
    return (rows + EMU_PACK_ROWS - 1) / EMU_PACK_ROWS * layout_panel_bytes(layout, columns / EMU_PACK_COLUMNS);
}

int64_t emu_packed_offset(int32_t type, size_t row, size_t columns) {
    if (row % EMU_PACK_ROWS != 0) return -1;
    size_t bytes = layout_panel_bytes(emu_layout_of_type(type), columns / EMU_PACK_COLUMNS);
    return (int64_t)(row / EMU_PACK_ROWS * bytes);
}

void emu_pack(emu_pool *pool, int32_t type, const void *weights, size_t row_bytes, size_t rows, size_t columns,
              void *packed) {
    pack_job job = {type, weights, row_bytes, rows, columns, packed};
    emu_pool_run(pool, (uint32_t)((rows + EMU_PACK_ROWS - 1) / EMU_PACK_ROWS), pack_panel, &job);
}

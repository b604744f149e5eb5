// GGML's weight types: how a block of weights lies in a file.
// Source: the GGUF format's description of tensor types; ids are the file's.

#ifndef EMU_BLOCKS_H
#define EMU_BLOCKS_H

#include <stdint.h>

enum {
    EMU_F32 = 0,
    EMU_F16 = 1,
    EMU_Q4_0 = 2,
    EMU_Q4_1 = 3,
    EMU_Q5_0 = 6,
    EMU_Q5_1 = 7,
    EMU_Q8_0 = 8,
    EMU_Q4_K = 12,
    EMU_Q5_K = 13,
    EMU_Q6_K = 14,
    EMU_BF16 = 30,
};

// Scales are fp16, kept as raw bits. Packed, because a file guarantees no alignment.
#define EMU_PACKED __attribute__((packed))

typedef struct EMU_PACKED { uint16_t scale; uint8_t quants[16]; } emu_block_q4_0;
typedef struct EMU_PACKED { uint16_t scale, minimum; uint8_t quants[16]; } emu_block_q4_1;
typedef struct EMU_PACKED { uint16_t scale; uint32_t high; uint8_t quants[16]; } emu_block_q5_0;
typedef struct EMU_PACKED { uint16_t scale, minimum; uint32_t high; uint8_t quants[16]; } emu_block_q5_1;
typedef struct EMU_PACKED { uint16_t scale; int8_t quants[32]; } emu_block_q8_0;

// 256 weights: eight groups of 32 with 6-bit scales and minimums, packed into 12 bytes.
typedef struct EMU_PACKED { uint16_t scale, minimum; uint8_t scales[12]; uint8_t quants[128]; } emu_block_q4_k;
typedef struct EMU_PACKED {
    uint16_t scale, minimum;
    uint8_t scales[12];
    uint8_t high[32];
    uint8_t quants[128];
} emu_block_q5_k;
// 256 weights: sixteen groups of 16 with 8-bit scales; lower four and upper two bits apart.
typedef struct EMU_PACKED {
    uint8_t low[128];
    uint8_t high[64];
    int8_t scales[16];
    uint16_t scale;
} emu_block_q6_k;

_Static_assert(sizeof(emu_block_q4_0) == 18, "Q4_0 block");
_Static_assert(sizeof(emu_block_q4_1) == 20, "Q4_1 block");
_Static_assert(sizeof(emu_block_q5_0) == 22, "Q5_0 block");
_Static_assert(sizeof(emu_block_q5_1) == 24, "Q5_1 block");
_Static_assert(sizeof(emu_block_q8_0) == 34, "Q8_0 block");
_Static_assert(sizeof(emu_block_q4_k) == 144, "Q4_K block");
_Static_assert(sizeof(emu_block_q5_k) == 176, "Q5_K block");
_Static_assert(sizeof(emu_block_q6_k) == 210, "Q6_K block");

#endif

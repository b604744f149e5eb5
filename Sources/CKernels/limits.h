// What this CPU can do at most with the instructions of a variant: the figures that speeds are a share of.
//
// Included by packed_kernels.h, whose steps these loops are made of, so that a limit is that of the kernels' own
// instructions. Enough independent sums are kept to hide the instructions' latency, and few enough to stay in registers.

enum { LIMIT_SUMS = EMU_TILE_ROWS >= 12 ? 12 : 4 };

#if EMU_HAS_MATRIX_PRODUCTS
/// Products of tiles in one round of a limit's loop: as many as there are tile registers for sums.
enum { LIMIT_TILES = 4 };

/// As run_limit, with tiles, which is what products of many rows are made of.
static float run_tile_limit(emu_limit limit, size_t rounds, uint32_t seed) {
    _Alignas(64) uint8_t tile[MATRIX_ROWS * 64];
    // Small bytes, or in bf16 a number near one.
    for (size_t i = 0; i < sizeof tile; i += 2) {
        tile[i] = (uint8_t)(seed & 15);
        tile[i + 1] = limit == EMU_LIMIT_INT8 ? 1 : 0x3f;
    }
    configure_tiles(MATRIX_ROWS, 64, 16, EMU_PACK_ROWS);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, tile, 64);
    _tile_loadd(5, tile, 64);
    _tile_loadd(6, tile, 64);
    _tile_loadd(7, tile, 64);
    for (size_t round = 0; round < rounds; round++) {
        if (limit == EMU_LIMIT_INT8) {
            _tile_dpbssd(0, 4, 6);
            _tile_dpbssd(1, 4, 7);
            _tile_dpbssd(2, 5, 6);
            _tile_dpbssd(3, 5, 7);
        } else {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    int_lanes sums[MATRIX_ROWS], all = {0};
#define ADD(number)                                                                                                    \
    _tile_stored(number, sums, 64);                                                                                    \
    for (int r = 0; r < MATRIX_ROWS; r++) all ^= sums[r]
    ADD(0);
    ADD(1);
    ADD(2);
    ADD(3);
#undef ADD
    _tile_release();
    return (float)__builtin_reduce_xor(all);
}
#endif

/// Multiply-adds of one round of a limit's loop.
static size_t limit_operations(emu_limit limit) {
#if EMU_HAS_MATRIX_PRODUCTS
    if (limit == EMU_LIMIT_INT8) return LIMIT_TILES * MATRIX_ROWS * EMU_PACK_ROWS * 64;
    if (limit == EMU_LIMIT_BF16) return LIMIT_TILES * MATRIX_ROWS * EMU_PACK_ROWS * 32;
#endif
    size_t lanes_of_products = limit == EMU_LIMIT_INT8 ? 4 : limit == EMU_LIMIT_BF16 ? 2 : 1;
    return LIMIT_SUMS * LANES * lanes_of_products;
}

/// Runs `rounds` rounds; the result depends on all of them, so that none can be left out.
static float run_limit(emu_limit limit, size_t rounds, uint32_t seed) {
#if EMU_HAS_MATRIX_PRODUCTS
    if (limit != EMU_LIMIT_FP32) return run_tile_limit(limit, rounds, seed);
#endif
    if (limit == EMU_LIMIT_INT8) {
        int_lanes sums[LIMIT_SUMS] = {{0}};
        // Of the same weights a product would be computed once, where adding it is another instruction.
        byte_row weights[LIMIT_SUMS];
        for (int i = 0; i < LIMIT_SUMS; i++) memset(weights + i, (int)((seed + (uint32_t)i) & 15), sizeof *weights);
        for (size_t round = 0; round < rounds; round++) {
            int32_t x = (int32_t)(seed + round);
#pragma clang loop unroll(full)
            for (int i = 0; i < LIMIT_SUMS; i++) sums[i] = dot_unsigned(sums[i], weights[i], x);
        }
        int_lanes all = sums[0];
        for (int i = 1; i < LIMIT_SUMS; i++) all ^= sums[i];
        return (float)__builtin_reduce_xor(all);
    }
    lanes sums[LIMIT_SUMS] = {{0}};
    if (limit == EMU_LIMIT_BF16) {
        short_row weights[2];
        memset(weights, 0x3c, sizeof weights);
        for (size_t round = 0; round < rounds; round++) {
            // Two numbers between one and two: what is too small to be normal is slower on some CPUs.
            int32_t x = (int32_t)((0x3f80u + ((seed + (uint32_t)round) & 0x7f)) * 0x10001u);
#pragma clang loop unroll(full)
            for (int i = 0; i < LIMIT_SUMS; i++) sums[i] = dot_bf16(sums[i], weights[i & 1], x);
        }
    } else {
        lanes weights[2] = {broadcast(1e-3f), broadcast(1e-4f)};
        for (size_t round = 0; round < rounds; round++) {
            lanes x = broadcast((float)(seed + round));
#pragma clang loop unroll(full)
            for (int i = 0; i < LIMIT_SUMS; i++) sums[i] = fused(x, weights[i & 1], sums[i]);
        }
    }
    lanes all = sums[0];
    for (int i = 1; i < LIMIT_SUMS; i++) all += sums[i];
    return reduce(all);
}

/// Reads `bytes`, a multiple of 4096, once, as a stream of weights is read.
static uint32_t read_memory(const void *memory, size_t bytes) {
    const int_lanes *rows = memory;
    int_lanes sums[8] = {{0}};
    for (size_t i = 0; i < bytes / sizeof(int_lanes); i += 8) {
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) sums[j] ^= rows[i + (size_t)j];
    }
    for (int j = 1; j < 8; j++) sums[0] ^= sums[j];
    return (uint32_t)__builtin_reduce_xor(sums[0]);
}

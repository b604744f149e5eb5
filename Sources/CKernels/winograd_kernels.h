// Convolutions of 3x3 kernels by Winograd's F(4x4, 3x3): sixteen outputs of 36 products instead of 144. Source: Lavin
// and Gray, "Fast Algorithms for Convolutional Neural Networks", with other points.
//
// The polynomials are taken at 0, ±3/4, ±3/2 and infinity: with Lavin's 0, ±1, ±2 the error of the sums is twice as large
// (relative, root of the mean square, 512 channels: 4.2e-6 and 2.0e-6; plain sums in this order have 1.2e-6). All
// constants of the transforms of pictures and sums are exact in binary.
//
// Includers have `outer_product`.

#ifndef EMU_WINOGRAD_KERNELS_H
#define EMU_WINOGRAD_KERNELS_H

#include "dequantize.h"
#include "spatial.h"

// a and b are the points, the rest their powers.
#define A1 0.75f
#define A2 0.5625f
#define A3 0.421875f
#define B1 1.5f
#define B2 2.25f
#define B3 3.375f

/// Six values of a picture at six points.
EMU_INLINE void transform_values(const lanes d[6], lanes out[6]) {
    const lanes a1 = broadcast(A1), b1 = broadcast(B1), a2 = broadcast(-A2), b2 = broadcast(-B2);
    const lanes product = broadcast(A2 * B2), sum = broadcast(-(A2 + B2));
    lanes even_a = fused(b2, d[2], d[4]), odd_a = fused(b2, d[1], d[3]);
    lanes even_b = fused(a2, d[2], d[4]), odd_b = fused(a2, d[1], d[3]);
    out[0] = fused(sum, d[2], fused(product, d[0], d[4]));
    out[1] = fused(a1, odd_a, even_a);
    out[2] = fused(-a1, odd_a, even_a);
    out[3] = fused(b1, odd_b, even_b);
    out[4] = fused(-b1, odd_b, even_b);
    out[5] = fused(sum, d[3], fused(product, d[1], d[5]));
}

/// Three weights at six points.
EMU_INLINE void transform_weights(lanes g0, lanes g1, lanes g2, lanes out[6]) {
    const lanes at_zero = broadcast(1 / (A2 * B2));
    const lanes at_a = broadcast(1 / (2 * A2 * (A2 - B2))), at_b = broadcast(1 / (2 * B2 * (B2 - A2)));
    lanes even_a = fused(broadcast(A2), g2, g0) * at_a, odd_a = g1 * (A1 * at_a);
    lanes even_b = fused(broadcast(B2), g2, g0) * at_b, odd_b = g1 * (B1 * at_b);
    out[0] = g0 * at_zero;
    out[1] = even_a + odd_a;
    out[2] = even_a - odd_a;
    out[3] = even_b + odd_b;
    out[4] = even_b - odd_b;
    out[5] = g2;
}

/// Four outputs of sums at six points.
EMU_INLINE void transform_sums(const lanes m[6], lanes out[4]) {
    lanes even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    out[0] = m[0] + (even_a + even_b);
    out[1] = fused(broadcast(A1), odd_a, B1 * odd_b);
    out[2] = fused(broadcast(A2), even_a, B2 * even_b);
    out[3] = fused(broadcast(A3), odd_a, fused(broadcast(B3), odd_b, m[5]));
}

#undef A1
#undef A2
#undef A3
#undef B1
#undef B2
#undef B3

EMU_INLINE lanes load_up_to(const float *p, size_t count) { return count == LANES ? load(p) : load_part(p, count); }

EMU_INLINE void store_up_to(float *p, lanes v, size_t count) {
    if (count == LANES) {
        store(p, v);
    } else {
        memcpy(p, &v, count * sizeof(float));
    }
}

static void winograd_values(const emu_winograd_tile *tile, size_t channels, float *out, size_t plane) {
    for (size_t c = 0; c < channels; c += LANES) {
        size_t count = channels - c < LANES ? channels - c : LANES;
        lanes columns[6][6], d[6], at[6];
        for (int x = 0; x < 6; x++) {
            for (int y = 0; y < 6; y++) {
                const float *from = tile->from[y * 6 + x];
                d[y] = from == NULL ? (lanes){0} : load_up_to(from + c, count);
            }
            transform_values(d, at);
            for (int y = 0; y < 6; y++) columns[y][x] = at[y];
        }
        for (int y = 0; y < 6; y++) {
            transform_values(columns[y], at);
            for (int x = 0; x < 6; x++) store_up_to(out + (size_t)(y * 6 + x) * plane + c, at[x], count);
        }
    }
}

/// 16 outputs' weights of one channel, [9][16], at 36 points.
EMU_INLINE void kernel_points(const float *weights, float *out, size_t plane) {
    lanes columns[6][3], at[6];
#pragma clang loop unroll(full)
    for (size_t x = 0; x < 3; x++) {
        transform_weights(load(weights + x * LANES), load(weights + (3 + x) * LANES), load(weights + (6 + x) * LANES), at);
#pragma clang loop unroll(full)
        for (int y = 0; y < 6; y++) columns[y][x] = at[y];
    }
#pragma clang loop unroll(full)
    for (size_t y = 0; y < 6; y++) {
        transform_weights(columns[y][0], columns[y][1], columns[y][2], at);
#pragma clang loop unroll(full)
        for (size_t x = 0; x < 6; x++) store(out + (y * 6 + x) * plane, at[x]);
    }
}

/// points[36][width / panel][EMU_WINOGRAD_CHANNELS][panel] of the weights of so many channels; zero behind the outputs.
static void winograd_weights(const emu_winograd_part *part, size_t channel, size_t channels, size_t width, size_t panel) {
    enum { VALUES = EMU_WINOGRAD_CHANNELS * 9 };
    float *rows = part->widened, *turned = rows + LANES * VALUES;
    for (size_t first = 0; first < width; first += LANES) {
        for (size_t r = 0; r < LANES; r++) {
            if (first + r < part->outputs) {
                const uint8_t *from = part->weights + (first + r) * part->row_bytes + type_bytes(part->type, channel * 9);
                dequantize(part->type, from, rows + r * VALUES, channels * 9);
            } else {
                memset(rows + r * VALUES, 0, channels * 9 * sizeof(float));
            }
        }
        for (size_t i = 0; i < channels * 9; i++) {
#pragma clang loop unroll(full)
            for (size_t r = 0; r < LANES; r++) turned[i * LANES + r] = rows[r * VALUES + i];
        }
        float *points = part->points + first / panel * panel * EMU_WINOGRAD_CHANNELS + first % panel;
        for (size_t c = 0; c < channels; c++) {
            kernel_points(turned + c * 9 * LANES, points + c * panel, EMU_WINOGRAD_CHANNELS * width);
        }
    }
}

/// One tile of the result: sums[36] at stride `plane`, of `count` outputs.
EMU_INLINE void winograd_result(const emu_winograd_target *target, const float *sums, size_t plane, size_t output,
                                size_t count) {
    lanes bias = load_up_to(target->bias + output, count), rows[4][6], at[4];
#pragma clang loop unroll(full)
    for (size_t x = 0; x < 6; x++) {
        lanes m[6];
#pragma clang loop unroll(full)
        for (size_t y = 0; y < 6; y++) m[y] = load(sums + (y * 6 + x) * plane);
        transform_sums(m, at);
#pragma clang loop unroll(full)
        for (int y = 0; y < 4; y++) rows[y][x] = at[y];
    }
    for (size_t y = 0; y < target->rows; y++) {
        transform_sums(rows[y], at);
        for (size_t x = 0; x < target->columns; x++) {
            store_up_to(target->out + y * target->row_stride + x * target->stride + output, at[x] + bias, count);
        }
    }
}

static void winograd_product(const emu_winograd_part *part) {
    size_t width = (part->outputs + LANES - 1) / LANES * LANES;
    // Rows behind the last tile are zero; they let the sums run in whole sets of rows.
    size_t rows = (part->tiles + EMU_WINOGRAD_ROWS - 1) / EMU_WINOGRAD_ROWS * EMU_WINOGRAD_ROWS;
    size_t plane = rows * width;
    // As wide as a tile of sums: a panel's chunk lies side by side in the nearest cache.
    size_t panel = width % (EMU_OUTER_LANES * LANES) == 0 ? EMU_OUTER_LANES * LANES : LANES;
    memset(part->sums, 0, 36 * plane * sizeof(float));
    for (size_t channel = 0; channel < part->channels; channel += EMU_WINOGRAD_CHANNELS) {
        size_t left = part->channels - channel;
        size_t channels = left < EMU_WINOGRAD_CHANNELS ? left : EMU_WINOGRAD_CHANNELS;
        winograd_weights(part, channel, channels, width, panel);
        for (size_t point = 0; point < 36; point++) {
            const float *values = part->values + point * part->plane + channel;
            for (size_t first = 0; first < width; first += panel) {
                outer_product(rows, panel, values, part->channels,
                              part->points + (point * width + first) * EMU_WINOGRAD_CHANNELS, panel, channels,
                              part->sums + point * plane + first, width);
            }
        }
    }
    for (size_t tile = 0; tile < part->tiles; tile++) {
        for (size_t output = 0; output < part->outputs; output += LANES) {
            size_t count = part->outputs - output < LANES ? part->outputs - output : LANES;
            winograd_result(part->targets + tile, part->sums + tile * width + output, plane, output, count);
        }
    }
}

#endif

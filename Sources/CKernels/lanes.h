// Sixteen lanes of fp32 in Clang's vector extensions: one AVX-512 register, two of AVX2, or whatever the CPU has.

#ifndef EMU_LANES_H
#define EMU_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define EMU_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef float lanes __attribute__((vector_size(64)));
typedef float unaligned_lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t int_lanes __attribute__((vector_size(64)));
typedef uint8_t byte_lanes __attribute__((vector_size(16)));
typedef uint8_t unaligned_bytes __attribute__((vector_size(16), aligned(1)));
typedef int8_t unaligned_signed_bytes __attribute__((vector_size(16), aligned(1)));
typedef _Float16 unaligned_halves __attribute__((vector_size(32), aligned(1)));
typedef uint16_t unaligned_shorts __attribute__((vector_size(32), aligned(1)));
typedef uint32_t word_lanes __attribute__((vector_size(64)));
typedef float four_floats __attribute__((vector_size(16)));
typedef float unaligned_four_floats __attribute__((vector_size(16), aligned(4)));
typedef double double_lanes __attribute__((vector_size(128)));

EMU_INLINE lanes load(const float *p) { return *(const unaligned_lanes *)p; }
EMU_INLINE void store(float *p, lanes v) { *(unaligned_lanes *)p = v; }
EMU_INLINE lanes fused(lanes a, lanes b, lanes c) { return __builtin_elementwise_fma(a, b, c); }
/// Subtracting zero keeps the sign of a negative zero; adding zero would lose it.
EMU_INLINE lanes broadcast(float value) { return value - (lanes){0}; }

/// The one tree by which 16 lanes become a number.
EMU_INLINE float reduce(lanes v) {
    float a[LANES];
    memcpy(a, &v, sizeof a);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) a[i] += a[i + half];
    }
    return a[0];
}

/// The same of four at once, which shares the last additions of the tree between them.
EMU_INLINE four_floats reduce_four(const lanes *v) {
    typedef float eight_floats __attribute__((vector_size(32)));
    four_floats parts[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        eight_floats halves[2];
        memcpy(halves, v + i, sizeof halves);
        halves[0] += halves[1];
        four_floats quarters[2];
        memcpy(quarters, halves, sizeof quarters);
        parts[i] = quarters[0] + quarters[1];
    }
    // Places 0 and 2, 1 and 3 of each; then both.
    four_floats first = __builtin_shufflevector(parts[0], parts[1], 0, 1, 4, 5) +
                        __builtin_shufflevector(parts[0], parts[1], 2, 3, 6, 7);
    four_floats second = __builtin_shufflevector(parts[2], parts[3], 0, 1, 4, 5) +
                         __builtin_shufflevector(parts[2], parts[3], 2, 3, 6, 7);
    return __builtin_shufflevector(first, second, 0, 2, 4, 6) + __builtin_shufflevector(first, second, 1, 3, 5, 7);
}

EMU_INLINE float half_value(uint16_t bits) {
    _Float16 half;
    memcpy(&half, &bits, sizeof half);
    return (float)half;
}

/// e^x: x = n·ln 2 + r, a degree 6 polynomial in r, then the exponent. Within 2 units in the last place.
EMU_INLINE lanes exponential(lanes x) {
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, broadcast(-87.0f)), broadcast(88.0f));
    // Adding and subtracting 1.5·2^23 rounds to an integer on every CPU alike.
    lanes n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
    lanes r = fused(n, broadcast(-0.693359375f), x);
    r = fused(n, broadcast(2.12194440e-4f), r);
    lanes p = broadcast(1.9875691500e-4f);
    p = fused(p, r, broadcast(1.3981999507e-3f));
    p = fused(p, r, broadcast(8.3334519073e-3f));
    p = fused(p, r, broadcast(4.1665795894e-2f));
    p = fused(p, r, broadcast(1.6666665459e-1f));
    p = fused(p, r, broadcast(5.0000001201e-1f));
    p = fused(p, r * r, r) + 1.0f;
    int_lanes exponent = (__builtin_convertvector(n, int_lanes) + 127) << 23;
    return p * (lanes)exponent;
}

/// GELU as it is defined, x/2 · (1 + erf(x / √2)). With u = |x| / √2 and t = 1 / (1 + 0.4 u), the complement of erf(u) is
/// e^(-u²) · t times a polynomial in t, fitted to a relative 6e-8; nothing is subtracted from one, so that small results
/// are as accurate as large ones. Within 3e-7 up to 8 and 4e-7 of the result above zero.
EMU_INLINE lanes defined_gelu(lanes x) {
    static const float coefficients[] = {
        0.22562630474567413f, 0.22657568752765656f, 0.200958713889122f,    0.19696250557899475f, 0.07150950282812119f,
        0.09972788393497467f, 0.07384359836578369f, -0.13547177612781525f, 0.04026763513684273f};
    lanes u = __builtin_elementwise_abs(x) * 0.70710678118654752f;
    lanes t = 1.0f / fused(broadcast(0.4f), u, broadcast(1.0f));
    lanes p = broadcast(coefficients[8]);
#pragma clang loop unroll(full)
    for (int i = 7; i >= 0; i--) p = fused(p, t, broadcast(coefficients[i]));
    // Below e^-60 nothing is left to tell, and numbers that are too small to be normal take many times as long.
    lanes power = __builtin_elementwise_max(-u * u, broadcast(-60.0f));
    lanes part = 0.5f * x * (exponential(power) * (t * p));
    int_lanes is_negative = x < 0;
    return (lanes)(((int_lanes)part & is_negative) | ((int_lanes)(x - part) & ~is_negative));
}

EMU_INLINE lanes from_bytes(byte_lanes v) { return __builtin_convertvector(v, lanes); }

#endif

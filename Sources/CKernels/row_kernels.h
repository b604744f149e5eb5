// What is done to whole rows: norms, activations, and the weights of a softmax.

#ifndef EMU_ROW_KERNELS_H
#define EMU_ROW_KERNELS_H

#include "lanes.h"

/// Lanes from `count` < 16 values, the rest filled.
EMU_INLINE lanes load_rest(const float *p, size_t count, float fill) {
    lanes v = broadcast(fill);
    memcpy(&v, p, count * sizeof(float));
    return v;
}

/// A dot product before its lanes are added.
EMU_INLINE lanes dot_lanes(const float *a, const float *b, size_t count) {
    lanes sum = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) sum = fused(load(a + i), load(b + i), sum);
    if (i < count) sum = fused(load_rest(a + i, count - i, 0), load_rest(b + i, count - i, 0), sum);
    return sum;
}

static void rms_norm_row(const float *x, const float *weight, float epsilon, size_t k, float *out) {
    float mean = reduce(dot_lanes(x, x, k)) / (float)k;
    float scale = 1.0f / sqrtf(mean + epsilon);
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(out + i, load(x + i) * scale * load(weight + i));
    for (; i < k; i++) out[i] = x[i] * scale * weight[i];
}

static void layer_norm_row(const float *x, const float *weight, const float *bias, float epsilon, size_t k, float *out) {
    lanes sums = {0};
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) sums += load(x + i);
    if (i < k) sums += load_rest(x + i, k - i, 0);
    float mean = reduce(sums) / (float)k;
    // In two passes: the square of a large mean would swallow a small variance.
    lanes squares = {0};
    for (i = 0; i + LANES <= k; i += LANES) {
        lanes distance = load(x + i) - mean;
        squares = fused(distance, distance, squares);
    }
    if (i < k) {
        lanes distance = load_rest(x + i, k - i, mean) - mean;
        squares = fused(distance, distance, squares);
    }
    float scale = 1.0f / sqrtf(reduce(squares) / (float)k + epsilon);
    for (i = 0; i + LANES <= k; i += LANES) {
        store(out + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
    }
    for (; i < k; i++) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

/// x[i] = function(x[i])
EMU_INLINE void map_row(float *x, size_t k, lanes (*function)(lanes)) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(x + i, function(load(x + i)));
    if (i < k) {
        lanes result = function(load_rest(x + i, k - i, 0));
        memcpy(x + i, &result, (k - i) * sizeof(float));
    }
}

/// gate[i] = function(gate[i]) · up[i]
EMU_INLINE void map_gate(float *gate, const float *up, size_t k, lanes (*function)(lanes)) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(gate + i, function(load(gate + i)) * load(up + i));
    if (i < k) {
        lanes result = function(load_rest(gate + i, k - i, 0)) * load_rest(up + i, k - i, 0);
        memcpy(gate + i, &result, (k - i) * sizeof(float));
    }
}

EMU_INLINE lanes silu(lanes x) { return x / (1.0f + exponential(-x)); }

static void silu_multiply_row(float *gate, const float *up, size_t k) { map_gate(gate, up, k, silu); }

/// The tanh form of GELU: x·(1 + tanh u)/2 = x·sigmoid(2u), u = √(2/π)·(x + 0.044715·x³).
EMU_INLINE lanes tanh_gelu(lanes x) {
    lanes u = 1.5957691216057308f * (x + 0.044715f * x * x * x);
    return x / (1.0f + exponential(-u));
}

static void gelu_multiply_row(float *gate, const float *up, size_t k) { map_gate(gate, up, k, tanh_gelu); }

static void gelu_row(float *x, size_t k) { map_row(x, k, defined_gelu); }

EMU_INLINE lanes quick_gelu(lanes x) { return x / (1.0f + exponential(-1.702f * x)); }

static void quick_gelu_row(float *x, size_t k) { map_row(x, k, quick_gelu); }

/// cap·tanh(x / cap), from tanh y = 1 - 2 / (e^2y + 1).
EMU_INLINE lanes capped(lanes x, float cap) {
    return cap - 2.0f * cap / (exponential(2.0f * x / cap) + 1.0f);
}

static void soft_cap_row(float *x, float cap, size_t k) {
    size_t i = 0;
    for (; i + LANES <= k; i += LANES) store(x + i, capped(load(x + i), cap));
    if (i < k) {
        lanes result = capped(load_rest(x + i, k - i, 0), cap);
        memcpy(x + i, &result, (k - i) * sizeof(float));
    }
}

/// exp((x - greatest) / temperature) lane by lane, into `weights` unless NULL; summed in double precision.
EMU_INLINE double exponential_sum(const float *x, size_t count, float greatest, float inverse, float *weights) {
    double_lanes sums = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        lanes e = exponential((load(x + i) - greatest) * inverse);
        if (weights != NULL) store(weights + i, e);
        sums += __builtin_convertvector(e, double_lanes);
    }
    double part[LANES];
    memcpy(part, &sums, sizeof part);
    if (i < count) {
        lanes e = exponential((load_rest(x + i, count - i, greatest) - greatest) * inverse);
        float rest[LANES];
        memcpy(rest, &e, sizeof rest);
        if (weights != NULL) memcpy(weights + i, rest, (count - i) * sizeof(float));
        for (size_t j = 0; j < count - i; j++) part[j] += (double)rest[j];
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) part[j] += part[j + half];
    }
    return part[0];
}

/// The greatest of `count` values; NaN when one of them is NaN, minus infinity when there are none.
static float greatest_value(const float *x, size_t count) {
    lanes best = broadcast(-INFINITY);
    int_lanes odd = {0};
    size_t i = 0;
    for (; i < count; i += LANES) {
        lanes v = count - i < LANES ? load_rest(x + i, count - i, -INFINITY) : load(x + i);
        odd |= v != v;
        best = __builtin_elementwise_max(best, v);
    }
    float greatest = -INFINITY;
    for (int j = 0; j < LANES; j++) {
        if (odd[j]) return NAN;
        if (best[j] > greatest) greatest = best[j];
    }
    return greatest;
}

static double softmax_weights(const float *x, size_t count, float temperature, float *weights, float *greatest) {
    *greatest = greatest_value(x, count);
    if (!isfinite(*greatest)) return *greatest;
    return exponential_sum(x, count, *greatest, 1.0f / temperature, weights);
}

#endif

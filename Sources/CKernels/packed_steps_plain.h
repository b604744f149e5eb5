// What the steps are, lane by lane.

EMU_INLINE int_lanes dot_unsigned(int_lanes sums, byte_row w, int32_t a) {
    int8_t x[4];
    memcpy(x, &a, 4);
    for (int i = 0; i < LANES; i++) {
        for (int j = 0; j < 4; j++) sums[i] += (int32_t)w[4 * i + j] * x[j];
    }
    return sums;
}

EMU_INLINE int_lanes dot_biased(int_lanes sums, byte_row w, int32_t a) {
    int8_t x[4];
    memcpy(x, &a, 4);
    for (int i = 0; i < LANES; i++) {
        for (int j = 0; j < 4; j++) sums[i] += ((int32_t)w[4 * i + j] - 128) * x[j];
    }
    return sums;
}

EMU_INLINE lanes dot_bf16(lanes sums, short_row w, int32_t a) {
    word_lanes words = (word_lanes)w;
    uint32_t low = (uint32_t)a << 16, high = (uint32_t)a & 0xffff0000u;
    float first, second;
    memcpy(&first, &low, 4);
    memcpy(&second, &high, 4);
    sums = fused((lanes)(words << 16), broadcast(first), sums);
    return fused((lanes)(words & 0xffff0000u), broadcast(second), sums);
}

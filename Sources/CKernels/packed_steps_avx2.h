// Products of bytes are added in pairs into 16 bits, then in pairs into 32.

typedef struct { __m256i low, high; } register_pair;

EMU_INLINE register_pair halves_of(const void *v) {
    register_pair pair;
    memcpy(&pair, v, sizeof pair);
    return pair;
}

EMU_INLINE __m256i add_products(__m256i sums, __m256i unsigned_bytes, __m256i signed_bytes) {
    __m256i pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// Quants up to 15: pairs of products stay below 2^12.
EMU_INLINE int_lanes dot_unsigned(int_lanes sums, byte_row w, int32_t a) {
    register_pair s = halves_of(&sums), q = halves_of(&w);
    __m256i x = _mm256_set1_epi32(a);
    s.low = add_products(s.low, q.low, x);
    s.high = add_products(s.high, q.high, x);
    memcpy(&sums, &s, sizeof sums);
    return sums;
}

/// The weight's magnitude times the activation with the weight's sign: pairs stay below 2·128·127 < 2^15, which the
/// unsigned quant would not.
EMU_INLINE int_lanes dot_biased(int_lanes sums, byte_row w, int32_t a) {
    w ^= 128;
    register_pair s = halves_of(&sums), q = halves_of(&w);
    __m256i x = _mm256_set1_epi32(a);
    s.low = add_products(s.low, _mm256_abs_epi8(q.low), _mm256_sign_epi8(x, q.low));
    s.high = add_products(s.high, _mm256_abs_epi8(q.high), _mm256_sign_epi8(x, q.high));
    memcpy(&sums, &s, sizeof sums);
    return sums;
}

EMU_INLINE lanes dot_bf16(lanes sums, short_row w, int32_t a) {
    word_lanes words = (word_lanes)w;
    uint32_t bits = (uint32_t)a;
    float first, second;
    uint32_t low = bits << 16, high = bits & 0xffff0000u;
    memcpy(&first, &low, 4);
    memcpy(&second, &high, 4);
    sums = fused((lanes)(words << 16), broadcast(first), sums);
    return fused((lanes)(words & 0xffff0000u), broadcast(second), sums);
}

// Products of bytes are added in pairs into 16 bits, then in pairs into 32.

/// Sums stay in their registers from step to step: the compiler would rather add one row's steps all at once, and load
/// the weights again for every row.
#define KEEP_IN_REGISTERS(pair) __asm__ volatile("" : "+x"((pair).low), "+x"((pair).high))

typedef struct { __m256i low, high; } register_pair;

EMU_INLINE register_pair halves_of(const void *v) {
    register_pair pair;
    memcpy(&pair, v, sizeof pair);
    return pair;
}

EMU_INLINE __m256i add_pairs(__m256i sums, __m256i pairs) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// Sums of 16 bits: the eight pairs of a block of quants up to 15 stay below 8·2·15·127 < 2^15.
EMU_INLINE int_lanes dot_unsigned(int_lanes sums, byte_row w, int32_t a) {
    register_pair s = halves_of(&sums), q = halves_of(&w);
    __m256i x = _mm256_set1_epi32(a);
    s.low = _mm256_add_epi16(s.low, _mm256_maddubs_epi16(q.low, x));
    s.high = _mm256_add_epi16(s.high, _mm256_maddubs_epi16(q.high, x));
    KEEP_IN_REGISTERS(s);
    memcpy(&sums, &s, sizeof sums);
    return sums;
}

EMU_INLINE int_lanes add_short_sums(int_lanes sums, int_lanes shorts) {
    register_pair s = halves_of(&sums), p = halves_of(&shorts);
    s.low = add_pairs(s.low, p.low);
    s.high = add_pairs(s.high, p.high);
    memcpy(&sums, &s, sizeof sums);
    return sums;
}

/// The weight's magnitude times the activation with the weight's sign: pairs stay below 2·128·127 < 2^15, which the
/// unsigned quant would not.
EMU_INLINE int_lanes dot_biased(int_lanes sums, byte_row w, int32_t a) {
    w ^= 128;
    register_pair s = halves_of(&sums), q = halves_of(&w);
    __m256i x = _mm256_set1_epi32(a);
    s.low = add_pairs(s.low, _mm256_maddubs_epi16(_mm256_abs_epi8(q.low), _mm256_sign_epi8(x, q.low)));
    s.high = add_pairs(s.high, _mm256_maddubs_epi16(_mm256_abs_epi8(q.high), _mm256_sign_epi8(x, q.high)));
    KEEP_IN_REGISTERS(s);
    memcpy(&sums, &s, sizeof sums);
    return sums;
}

EMU_INLINE lanes dot_bf16(lanes sums, short_row w, int32_t a) {
    const __m256i mask = _mm256_set1_epi32((int32_t)0xffff0000);
    register_pair q = halves_of(&w);
    __m256i x = _mm256_set1_epi32(a);
    __m256 s[2], x_first = (__m256)_mm256_slli_epi32(x, 16), x_second = (__m256)_mm256_and_si256(x, mask);
    memcpy(s, &sums, sizeof s);
    s[0] = _mm256_fmadd_ps((__m256)_mm256_slli_epi32(q.low, 16), x_first, s[0]);
    s[1] = _mm256_fmadd_ps((__m256)_mm256_slli_epi32(q.high, 16), x_first, s[1]);
    s[0] = _mm256_fmadd_ps((__m256)_mm256_and_si256(q.low, mask), x_second, s[0]);
    s[1] = _mm256_fmadd_ps((__m256)_mm256_and_si256(q.high, mask), x_second, s[1]);
    memcpy(&sums, s, sizeof sums);
    return sums;
}

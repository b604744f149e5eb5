// One instruction each.

EMU_INLINE int_lanes dot_unsigned(int_lanes sums, byte_row w, int32_t a) {
    return (int_lanes)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)w, _mm512_set1_epi32(a));
}

EMU_INLINE int_lanes dot_biased(int_lanes sums, byte_row w, int32_t a) { return dot_unsigned(sums, w, a); }

EMU_INLINE lanes dot_bf16(lanes sums, short_row w, int32_t a) {
    return (lanes)_mm512_dpbf16_ps((__m512)sums, (__m512bh)w, (__m512bh)_mm512_set1_epi32(a));
}

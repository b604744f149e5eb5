// Swift cannot call functions with variable arguments, which is how libvips passes options: each wrapper fixes the
// options that this project uses. Images that come back are the caller's to unreference.
#include <vips/vips.h>

/// Starts libvips; 0 on success. The original is a macro.
static inline int emu_vips_start(void) { return VIPS_INIT("emuchat"); }

/// Opens an encoded picture; pixels are decoded on demand, from the top down when sequential. NULL on failure.
static inline VipsImage *emu_vips_open(const void *bytes, size_t count, int sequential) {
    return vips_image_new_from_buffer(
        bytes, count, "", "access", sequential ? VIPS_ACCESS_SEQUENTIAL : VIPS_ACCESS_RANDOM, "memory", TRUE,
        "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

/// Decodes at a reduced size that fits into a box, turned upright, never enlarged. NULL on failure.
static inline VipsImage *emu_vips_thumbnail(void *bytes, size_t count, int width, int height) {
    VipsImage *result = NULL;
    return vips_thumbnail_buffer(bytes, count, &result, width, "height", height, "size", VIPS_SIZE_DOWN, NULL) == 0
        ? result : NULL;
}

/// Turns a picture as its EXIF orientation says. NULL on failure.
static inline VipsImage *emu_vips_autorot(VipsImage *image) {
    VipsImage *result = NULL;
    return vips_autorot(image, &result, NULL) == 0 ? result : NULL;
}

/// Converts from the embedded profile to 8-bit sRGB. NULL on failure.
static inline VipsImage *emu_vips_profile_to_srgb(VipsImage *image) {
    VipsImage *result = NULL;
    return vips_icc_transform(
               image, &result, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE, "depth", 8, NULL) == 0
        ? result : NULL;
}

/// Converts from the declared colour space to sRGB. NULL on failure.
static inline VipsImage *emu_vips_to_srgb(VipsImage *image) {
    VipsImage *result = NULL;
    return vips_colourspace(image, &result, VIPS_INTERPRETATION_sRGB, NULL) == 0 ? result : NULL;
}

/// Composites on white. NULL on failure.
static inline VipsImage *emu_vips_flatten_on_white(VipsImage *image) {
    VipsImage *result = NULL;
    VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
    int status = vips_flatten(image, &result, "background", white, NULL);
    vips_area_unref(VIPS_AREA(white));
    return status == 0 ? result : NULL;
}

/// Rounds to 8 bits. NULL on failure.
static inline VipsImage *emu_vips_to_bytes(VipsImage *image) {
    VipsImage *result = NULL;
    return vips_cast(image, &result, VIPS_FORMAT_UCHAR, NULL) == 0 ? result : NULL;
}

/// Keeps the first bands. NULL on failure.
static inline VipsImage *emu_vips_first_bands(VipsImage *image, int count) {
    VipsImage *result = NULL;
    return vips_extract_band(image, &result, 0, "n", count, NULL) == 0 ? result : NULL;
}

/// Encodes as PNG into a buffer that g_free releases; 0 on success.
static inline int emu_vips_png(VipsImage *image, void **bytes, size_t *count) {
    return vips_pngsave_buffer(image, bytes, count, "compression", 6, NULL);
}

/// Encodes a smooth random picture in three bands as JPEG into a buffer that g_free releases; 0 on success.
static inline int emu_vips_sample_jpeg(int width, int height, void **bytes, size_t *count) {
    VipsImage *bands[3] = {NULL, NULL, NULL}, *joined = NULL;
    int status = 0;
    for (int index = 0; index < 3 && status == 0; index++)
        status = vips_perlin(&bands[index], width, height, "cell_size", 64 << index, "uchar", TRUE, NULL);
    if (status == 0) status = vips_bandjoin(bands, &joined, 3, NULL);
    if (status == 0) status = vips_jpegsave_buffer(joined, bytes, count, "Q", 85, NULL);
    for (int index = 0; index < 3; index++)
        if (bands[index]) g_object_unref(bands[index]);
    if (joined) g_object_unref(joined);
    return status;
}

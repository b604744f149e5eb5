import CVips

/// A picture of nothing, to measure with.
package enum SamplePicture {
    /// A JPEG of this size in pixels; nil when libvips cannot make one.
    package static func jpeg(width: Int, height: Int) -> [UInt8]? {
        guard VipsPicture.isReady else { return nil }
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        guard emu_vips_sample_jpeg(Int32(clamping: width), Int32(clamping: height), &bytes, &count) == 0, let bytes
        else { return nil }
        defer { g_free(bytes) }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}

import CVips
import Foundation
import Pixels

/// A libvips picture with the operations that this project uses. Lazy: pixels are computed by `write`.
///
/// It may read from the bytes that it was opened with, so they must outlive it.
struct VipsPicture: ~Copyable {
    /// The words of the library's error log, taken and cleared.
    struct Failure: Error { let detail: String }

    private let image: UnsafeMutablePointer<VipsImage>

    private init(_ image: UnsafeMutablePointer<VipsImage>?) throws(Failure) {
        guard let image else { throw Self.takeFailure() }
        self.image = image
    }

    deinit { g_object_unref(image) }

    /// Starts the library once: untrusted loaders blocked but for those wanted, its caches off, its logs silenced.
    static let isReady: Bool = {
        LibraryLogs.silence()
        guard emu_vips_start() == 0 else { return false }
        vips_block_untrusted_set(1)
        vips_operation_block_set("VipsForeignLoadSvg", 0)
        // Cached operations would hold on to buffers that are gone.
        vips_cache_set_max(0)
        vips_concurrency_set(2)
        return true
    }()

    static func open(_ bytes: UnsafeRawBufferPointer, sequential: Bool) throws(Failure) -> VipsPicture {
        try VipsPicture(emu_vips_open(bytes.baseAddress, bytes.count, sequential ? 1 : 0))
    }

    static func thumbnail(_ bytes: UnsafeRawBufferPointer, width: Int, height: Int) throws(Failure) -> VipsPicture {
        // The library takes a mutable pointer and only reads.
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        return try VipsPicture(emu_vips_thumbnail(base, bytes.count, Int32(clamping: width), Int32(clamping: height)))
    }

    /// A view of RGB8 rows.
    static func rows(_ bytes: UnsafeRawBufferPointer, width: Int, height: Int) throws(Failure) -> VipsPicture {
        try VipsPicture(
            vips_image_new_from_memory(
                bytes.baseAddress, bytes.count, Int32(clamping: width), Int32(clamping: height), 3,
                VIPS_FORMAT_UCHAR))
    }

    var width: Int { Int(vips_image_get_width(image)) }
    var height: Int { Int(vips_image_get_height(image)) }
    var bands: Int { Int(vips_image_get_bands(image)) }
    /// 1 upright … 8, as EXIF counts.
    var orientation: Int { Int(vips_image_get_orientation(image)) }
    var pageCount: Int { max(1, Int(vips_image_get_n_pages(image))) }
    var hasAlpha: Bool { vips_image_hasalpha(image) != 0 }

    /// The embedded colour profile; nil without one.
    private var profile: [UInt8]? {
        var data: UnsafeRawPointer?
        var count = 0
        guard vips_image_get_typeof(image, "icc-profile-data") != 0,
            vips_image_get_blob(image, "icc-profile-data", &data, &count) == 0, let data, count > 0
        else { return nil }
        return Array(UnsafeRawBufferPointer(start: data, count: count))
    }

    /// Upright, sRGB, composited on white or with transparency thrown away, three bands of bytes.
    func standardised(keepsHiddenColours: Bool = false) throws(Failure) -> VipsPicture {
        let upright = try VipsPicture(emu_vips_autorot(image))
        let inColour = try upright.inStandardColours()
        let opaque =
            inColour.hasAlpha && !keepsHiddenColours
            ? try VipsPicture(emu_vips_flatten_on_white(inColour.image)) : inColour
        guard opaque.bands >= 3 else { throw Failure(detail: "\(opaque.bands) colour channels") }
        let colours = try VipsPicture(emu_vips_first_bands(opaque.image, 3))
        return try VipsPicture(emu_vips_to_bytes(colours.image))
    }

    /// Pixels that say sRGB are left exactly as they are; other profiles are applied; a broken profile is ignored.
    private func inStandardColours() throws(Failure) -> VipsPicture {
        if let profile, !ColourProfile.isStandardRGB(profile) {
            if let converted = emu_vips_profile_to_srgb(image) { return try VipsPicture(converted) }
            _ = Self.takeFailure()
        }
        return try VipsPicture(emu_vips_to_srgb(image))
    }

    /// Computes the pixels of a standardised picture.
    func pixels() throws(Failure) -> PixelImage {
        let (width, height) = (self.width, self.height)
        var succeeded = false
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            guard
                let target = vips_image_new_from_memory(
                    buffer.baseAddress, buffer.count, Int32(clamping: width), Int32(clamping: height), 3,
                    VIPS_FORMAT_UCHAR)
            else { return }
            succeeded = vips_image_write(image, target) == 0
            g_object_unref(target)
            count = succeeded ? buffer.count : 0
        }
        guard succeeded, let picture = PixelImage(width: width, height: height, bytes: bytes) else {
            throw Self.takeFailure()
        }
        return picture
    }

    /// The picture as a PNG file.
    func png() throws(Failure) -> [UInt8] {
        var data: UnsafeMutableRawPointer?
        var count = 0
        guard emu_vips_png(image, &data, &count) == 0, let data else { throw Self.takeFailure() }
        defer { g_free(data) }
        return Array(UnsafeRawBufferPointer(start: data, count: count))
    }

    private static func takeFailure() -> Failure {
        let text = String(cString: vips_error_buffer())
        vips_error_clear()
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        return Failure(
            detail: lines.first { !$0.isEmpty }.map { PrintableText.clean($0, limit: 160) } ?? "unknown reason")
    }
}

/// What is asked of an ICC profile (ICC.1:2010, section 7).
enum ColourProfile {
    /// Whether the profile's description names sRGB. Converting such pixels would only add rounding.
    static func isStandardRGB(_ profile: [UInt8]) -> Bool {
        func number(_ offset: Int) -> Int? {
            guard offset >= 0, offset + 4 <= profile.count else { return nil }
            return profile[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        guard let tagCount = number(128), tagCount <= 200 else { return false }
        for tag in 0..<tagCount {
            let entry = 132 + tag * 12
            guard let signature = number(entry), let offset = number(entry + 4), let size = number(entry + 8) else {
                return false
            }
            guard signature == 0x6465_7363 else { continue }  // "desc"
            guard offset <= profile.count, size <= profile.count - offset else { return false }
            // ASCII in version 2, UTF-16 in version 4: without the zero bytes both read alike.
            let text = profile[offset..<offset + min(size, 512)].filter { $0 != 0 }
            return String(decoding: text, as: UTF8.self).contains("sRGB")
        }
        return false
    }
}

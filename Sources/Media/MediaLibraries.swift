import CChafa
import CLibAV
import CVips

/// The libraries that read and draw pictures and clips.
package enum MediaLibraries {
    /// Name and version of each as it was loaded; chafa does not tell, so that it is what was compiled against.
    package static var versions: [(name: String, version: String)] {
        let vips = (0..<3).map { String(vips_version(Int32($0))) }.joined(separator: ".")
        return [
            ("libvips", vips), ("libavformat", three(avformat_version())), ("libavcodec", three(avcodec_version())),
            ("libswscale", three(swscale_version())),
            ("chafa", "\(CHAFA_MAJOR_VERSION).\(CHAFA_MINOR_VERSION).\(CHAFA_MICRO_VERSION)"),
        ]
    }

    /// FFmpeg packs three numbers into one.
    private static func three(_ version: UInt32) -> String {
        "\(version >> 16).\(version >> 8 & 0xFF).\(version & 0xFF)"
    }
}

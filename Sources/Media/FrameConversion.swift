import CLibAV
import Pixels

/// Turns libav's frames into RGB8.
///
/// Keeps the scaler between frames of one size and format. Colours follow the frame's own matrix and range.
final class FrameConversion {
    private var context: OpaquePointer?

    deinit { sws_freeContext(context) }

    /// Converts a decoded frame; nil when its size or format makes no sense.
    func picture(_ frame: UnsafeMutablePointer<AVFrame>) -> PixelImage? {
        let width = frame.pointee.width
        let height = frame.pointee.height
        let format = AVPixelFormat(frame.pointee.format)
        guard width > 0, height > 0, Int(width) * Int(height) <= Int(Int32.max) / 3, frame.pointee.data.0 != nil else {
            return nil
        }
        let flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT
        context = sws_getCachedContext(
            context, width, height, format, width, height, AV_PIX_FMT_RGB24, flags, nil, nil, nil)
        guard let context else { return nil }
        let matrix = sws_getCoefficients(Int32(frame.pointee.colorspace.rawValue))
        let fullRange: Int32 = frame.pointee.color_range == AVCOL_RANGE_JPEG ? 1 : 0
        // Fails, harmlessly, for sources that are RGB already.
        sws_setColorspaceDetails(context, matrix, fullRange, matrix, 1, 0, 1 << 16, 1 << 16)

        // The scaler may write past a row's end in whole vectors: rows are padded, then closed up.
        let rowBytes = Int(width) * 3
        let stride = (rowBytes + 63) & ~63
        var padded = [UInt8](repeating: 0, count: stride * Int(height) + 64)
        let rows = padded.withUnsafeMutableBufferPointer { buffer in
            var target: [UnsafeMutablePointer<UInt8>?] = [buffer.baseAddress, nil, nil, nil]
            var targetStride: [Int32] = [Int32(stride), 0, 0, 0]
            return withUnsafeBytes(of: frame.pointee.data) { planes in
                withUnsafeBytes(of: frame.pointee.linesize) { strides in
                    var source = planes.bindMemory(to: UnsafePointer<UInt8>?.self).map { $0 }
                    let sourceStride = strides.bindMemory(to: Int32.self).map { $0 }
                    return sws_scale(context, &source, sourceStride, 0, height, &target, &targetStride)
                }
            }
        }
        guard rows == height else { return nil }
        var bytes = [UInt8]()
        bytes.reserveCapacity(rowBytes * Int(height))
        for row in 0..<Int(height) { bytes.append(contentsOf: padded[row * stride..<row * stride + rowBytes]) }
        return PixelImage(width: Int(width), height: Int(height), bytes: bytes)
    }
}

/// Decodes BMP, which libvips would hand to a library that reads far more than BMP.
enum BitmapDecoder {
    static func decode(_ bytes: [UInt8], path: String, limits: MediaLimits) throws(MediaError) -> PixelImage {
        LibraryLogs.silence()
        func damaged(_ detail: String) -> MediaError { .damaged(path: path, format: "BMP", detail: detail) }
        guard let codec = avcodec_find_decoder(AV_CODEC_ID_BMP) else {
            throw .unsupportedCodec(path: path, codec: "BMP")
        }
        var context = avcodec_alloc_context3(codec)
        var packet = av_packet_alloc()
        var frame = av_frame_alloc()
        defer {
            avcodec_free_context(&context)
            av_packet_free(&packet)
            av_frame_free(&frame)
        }
        guard let context, let packet, let frame else { throw damaged("out of memory") }
        if let size = declaredSize(bytes),
            size.width.multipliedReportingOverflow(by: size.height).partialValue > limits.pixels
        {
            throw .tooManyPixels(path: path, width: size.width, height: size.height, limit: limits.pixels)
        }
        context.pointee.max_pixels = Int64(limits.pixels)
        context.pointee.err_recognition = AV_EF_EXPLODE
        guard avcodec_open2(context, codec, nil) == 0, av_new_packet(packet, Int32(clamping: bytes.count)) == 0,
            let data = packet.pointee.data
        else { throw damaged("decoder does not start") }
        bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { data.update(from: base, count: Int(packet.pointee.size)) }
        }
        guard avcodec_send_packet(context, packet) == 0, avcodec_receive_frame(context, frame) == 0 else {
            throw damaged("no picture in it")
        }
        guard let picture = FrameConversion().picture(frame) else { throw damaged("unknown pixel layout") }
        return picture
    }

    private static func declaredSize(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        func number(_ offset: Int) -> Int {
            Int(Int32(truncatingIfNeeded: (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }))
        }
        guard bytes.count >= 26, bytes[14] != 12 else { return nil }
        return (abs(number(18)), abs(number(22)))
    }
}

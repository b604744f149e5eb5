import CLibAV
import Pixels

/// One open clip: counts its frames and decodes chosen ones. Used by one thread at a time.
final class ClipReader {
    private let path: String
    private let container: String
    private let limits: MediaLimits
    private let interruption: Interruption
    private var format: UnsafeMutablePointer<AVFormatContext>?
    private var decoder: UnsafeMutablePointer<AVCodecContext>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    private var frame: UnsafeMutablePointer<AVFrame>?
    private let stream: UnsafeMutablePointer<AVStream>
    private let conversion = FrameConversion()
    let codecName: String
    /// Size of a frame as the container tells it, before it is turned.
    let codedWidth: Int
    let codedHeight: Int
    private let quarterTurns: Int

    /// Lets libav's blocking calls ask whether they are still wanted.
    private final class Interruption {
        let isCancelled: @Sendable () -> Bool
        init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }
    }

    /// What a pass over the clip found.
    struct Decoded {
        /// Picture and seconds by frame number.
        var pictures: [Int: (PixelImage, Double)] = [:]
        /// The number of frames, when the pass came to the clip's end before it had all that was wanted.
        var frameCountAtEnd: Int?
    }

    init(
        path: String, container: String, limits: MediaLimits, isCancelled: @escaping @Sendable () -> Bool
    ) throws(MediaError) {
        LibraryLogs.silence()
        self.path = path
        self.container = container
        self.limits = limits
        interruption = Interruption(isCancelled)
        func damaged(_ detail: String) -> MediaError { .damaged(path: path, format: container, detail: detail) }

        var context = avformat_alloc_context()
        guard let allocated = context else { throw damaged("out of memory") }
        allocated.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(interruption).toOpaque()
        allocated.pointee.interrupt_callback.callback = { opaque in
            guard let opaque else { return 0 }
            return Unmanaged<Interruption>.fromOpaque(opaque).takeUnretainedValue().isCancelled() ? 1 : 0
        }
        // Only this file, only containers: no play lists, no network, no other files named inside.
        var options: OpaquePointer?
        av_dict_set(&options, "protocol_whitelist", "file", 0)
        av_dict_set(
            &options, "format_whitelist",
            "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,ogg,flv,asf,gif", 0)
        let opened = avformat_open_input(&context, "file:" + path, nil, &options)
        av_dict_free(&options)
        guard opened == 0, let context else {
            throw isCancelled() ? .cancelled(path: path) : damaged(Self.words(opened))
        }
        var unfinished: UnsafeMutablePointer<AVFormatContext>? = context
        var decoding: UnsafeMutablePointer<AVCodecContext>?
        do throws(MediaError) {
            guard avformat_find_stream_info(context, nil) >= 0 else {
                throw isCancelled() ? .cancelled(path: path) : damaged("no stream information")
            }
            let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
            guard index >= 0, index < context.pointee.nb_streams, let stream = context.pointee.streams[Int(index)],
                stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0,
                let parameters = stream.pointee.codecpar
            else { throw .noVideoStream(path: path, format: container) }
            let name = String(cString: avcodec_get_name(parameters.pointee.codec_id))
            guard let codec = avcodec_find_decoder(parameters.pointee.codec_id) else {
                throw .unsupportedCodec(path: path, codec: name)
            }
            let (width, height) = (Int(parameters.pointee.width), Int(parameters.pointee.height))
            guard width >= 0, height >= 0, width * height <= limits.pixels else {
                throw .tooManyPixels(path: path, width: width, height: height, limit: limits.pixels)
            }
            decoding = avcodec_alloc_context3(codec)
            guard let open = decoding, avcodec_parameters_to_context(open, parameters) >= 0 else {
                throw damaged("its parameters make no sense")
            }
            open.pointee.max_pixels = Int64(limits.pixels)
            open.pointee.thread_count = 2
            open.pointee.pkt_timebase = stream.pointee.time_base
            guard avcodec_open2(open, codec, nil) == 0 else { throw damaged("the \(name) decoder does not start") }
            for other in 0..<Int(context.pointee.nb_streams) where other != Int(index) {
                context.pointee.streams[other]?.pointee.discard = AVDISCARD_ALL
            }
            self.stream = stream
            codecName = name
            (codedWidth, codedHeight) = (width, height)
            quarterTurns = Self.quarterTurns(stream)
        } catch {
            avcodec_free_context(&decoding)
            avformat_close_input(&unfinished)
            throw error
        }
        format = context
        decoder = decoding
        packet = av_packet_alloc()
        frame = av_frame_alloc()
        guard packet != nil, frame != nil else { throw damaged("out of memory") }
    }

    deinit {
        av_packet_free(&packet)
        av_frame_free(&frame)
        avcodec_free_context(&decoder)
        avformat_close_input(&format)
    }

    /// Sorted presentation times of all frames, and of those that decode by themselves; empty when any is missing.
    private var times: [Int64] = []
    private var keyTimes: [Int64] = []

    /// Counts frames by their packets, without decoding: containers can be wrong or silent about it.
    func countFrames() throws(MediaError) -> Int {
        guard let format, let packet else { return 0 }
        var count = 0
        var hasAllTimes = true
        while try read(format, packet) {
            defer { av_packet_unref(packet) }
            guard packet.pointee.flags & AV_PKT_FLAG_DISCARD == 0 else { continue }
            count += 1
            guard count <= limits.videoFrames else { throw .tooManyFrames(path: path, limit: limits.videoFrames) }
            let time = packet.pointee.pts
            if time == emu_av_nopts() { hasAllTimes = false } else { times.append(time) }
            if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 { keyTimes.append(time) }
        }
        times.sort()
        keyTimes.sort()
        let areUnique = zip(times, times.dropFirst()).allSatisfy { $0 < $1 }
        if !hasAllTimes || !areUnique { (times, keyTimes) = ([], []) }
        guard count > 0 else { throw .damaged(path: path, format: container, detail: "no frames in it") }
        return count
    }

    /// Decodes the frames of ascending numbers.
    func decode(_ wanted: [Int]) throws(MediaError) -> Decoded {
        if !times.isEmpty, let pictures = try decodeBySeeking(wanted) { return Decoded(pictures: pictures) }
        try rewind()
        var decoded = Decoded()
        var next = wanted[...]
        var index = 0
        while let target = next.first {
            guard try nextFrame(), let frame else {
                decoded.frameCountAtEnd = index
                break
            }
            if index == target {
                decoded.pictures[index] = (try picture(frame), time(frame, index))
                next = next.dropFirst()
            }
            index += 1
        }
        return decoded
    }

    /// Jumps to the last key frame before each wanted one; nil when the clip's times cannot be relied on.
    private func decodeBySeeking(_ wanted: [Int]) throws(MediaError) -> [Int: (PixelImage, Double)]? {
        guard let format, let frame else { return nil }
        try rewind()
        var pictures: [Int: (PixelImage, Double)] = [:]
        var position = Int64.min
        for index in wanted where index < times.count {
            let target = times[index]
            if let key = keyTimes.last(where: { $0 <= target }), key > position, position != .min || key > times[0] {
                guard av_seek_frame(format, stream.pointee.index, key, AVSEEK_FLAG_BACKWARD) >= 0 else { return nil }
                avcodec_flush_buffers(decoder)
                isDraining = false
            }
            repeat {
                guard try nextFrame() else { return nil }
                position = frame.pointee.best_effort_timestamp
            } while position < target
            guard position == target else { return nil }
            pictures[index] = (try picture(frame), time(frame, index))
        }
        return pictures
    }

    /// Seconds of the whole clip.
    func seconds(frameCount: Int) -> Double {
        if let format, format.pointee.duration > 0 { return Double(format.pointee.duration) / Double(AV_TIME_BASE) }
        if stream.pointee.duration > 0 { return Double(stream.pointee.duration) * av_q2d(stream.pointee.time_base) }
        return Double(frameCount) / framesPerSecond
    }

    private var framesPerSecond: Double {
        let rate = av_q2d(stream.pointee.avg_frame_rate)
        return rate.isFinite && rate > 0 ? rate : 25
    }

    private func time(_ frame: UnsafeMutablePointer<AVFrame>, _ index: Int) -> Double {
        let stamp = frame.pointee.best_effort_timestamp
        guard stamp != emu_av_nopts() else { return Double(index) / framesPerSecond }
        let start = stream.pointee.start_time
        let (ticks, overflow) = stamp.subtractingReportingOverflow(start == emu_av_nopts() ? 0 : start)
        let seconds = Double(ticks) * av_q2d(stream.pointee.time_base)
        return overflow || !seconds.isFinite ? Double(index) / framesPerSecond : max(0, seconds)
    }

    private func picture(_ frame: UnsafeMutablePointer<AVFrame>) throws(MediaError) -> PixelImage {
        let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
        guard width * height <= limits.pixels else {
            throw .tooManyPixels(path: path, width: width, height: height, limit: limits.pixels)
        }
        guard let picture = conversion.picture(frame) else {
            throw .damaged(path: path, format: container, detail: "unknown pixel layout")
        }
        return picture.turnedClockwise(quarterTurns: quarterTurns)
    }

    private var isDraining = false

    private func rewind() throws(MediaError) {
        guard let format else { return }
        let start = stream.pointee.start_time == emu_av_nopts() ? 0 : stream.pointee.start_time
        let status = av_seek_frame(format, stream.pointee.index, min(start, times.first ?? start), AVSEEK_FLAG_BACKWARD)
        if status < 0, av_seek_frame(format, -1, 0, AVSEEK_FLAG_BYTE) < 0 {
            throw .damaged(path: path, format: container, detail: "cannot be rewound")
        }
        avcodec_flush_buffers(decoder)
        isDraining = false
    }

    /// Puts the next frame in the order of presentation into `frame`; false at the end.
    private func nextFrame() throws(MediaError) -> Bool {
        guard let format, let packet else { return false }
        while true {
            let status = avcodec_receive_frame(decoder, frame)
            if status == 0 { return true }
            if status == emu_averror_eof() || isDraining { return false }
            if try read(format, packet) {
                // A damaged packet is passed over, as players do; what follows may be whole.
                _ = avcodec_send_packet(decoder, packet)
                av_packet_unref(packet)
            } else {
                isDraining = true
                _ = avcodec_send_packet(decoder, nil)
            }
        }
    }

    /// Reads the next packet of the pictures' stream; false at the end, or where the file breaks off.
    private func read(
        _ format: UnsafeMutablePointer<AVFormatContext>, _ packet: UnsafeMutablePointer<AVPacket>
    ) throws(MediaError) -> Bool {
        while true {
            if interruption.isCancelled() { throw .cancelled(path: path) }
            guard av_read_frame(format, packet) == 0 else {
                if interruption.isCancelled() { throw .cancelled(path: path) }
                return false
            }
            if packet.pointee.stream_index == stream.pointee.index { return true }
            av_packet_unref(packet)
        }
    }

    /// Clockwise quarter turns that make the frames upright.
    private static func quarterTurns(_ stream: UnsafeMutablePointer<AVStream>) -> Int {
        var size = 0
        guard let data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size), size >= 36 else { return 0 }
        let degrees = data.withMemoryRebound(to: Int32.self, capacity: 9) { av_display_rotation_get($0) }
        // The angle is counter-clockwise.
        return degrees.isFinite ? Int((-degrees / 90).rounded()) : 0
    }

    private static func words(_ status: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        av_strerror(status, &text, text.count)
        let end = text.firstIndex(of: 0) ?? text.count
        return String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

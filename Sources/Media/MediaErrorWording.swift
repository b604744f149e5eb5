extension MediaError: CustomStringConvertible {
    /// One line: the file, what was expected, what was found, and the remedy; free of control characters.
    package var description: String {
        PrintableText.clean(sentence)
    }

    private var sentence: String {
        switch self {
        case .noSuchFile(let path, .some(let suggestion)):
            "\(path): no such file. Did you mean \(suggestion)?"
        case .noSuchFile(let path, .none):
            "\(path): no such file. Check the path; relative ones start at the folder you started in."
        case .isFolder(let path):
            "\(path): is a folder, expected a file. Name a file in it."
        case .notARegularFile(let path):
            "\(path): is a device or a pipe, expected a file. Save its content to a file first."
        case .permissionDenied(let path):
            "\(path): may not be read. Give yourself read permission (chmod u+r)."
        case .unreadable(let path, let reason):
            "\(path): cannot be read (\(reason))."
        case .notAPicture(let path, let found):
            "\(path): expected a picture, found \(found). "
                + "Pictures are JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF or SVG."
        case .notAVideo(let path, let found):
            "\(path): expected a video, found \(found). Videos are MP4, MOV, WebM, Matroska, AVI, MPEG, Ogg or FLV."
        case .fileTooLarge(let path, let bytes, let limit):
            "\(path): has \(Self.mebibytes(bytes)), at most \(Self.mebibytes(limit)) are read. Make a smaller copy."
        case .tooManyPixels(let path, let width, let height, let limit):
            "\(path): is \(width)×\(height) pixels, at most \(limit / 1_000_000) million are decoded. "
                + "Make a smaller copy."
        case .tooManyFrames(let path, let limit):
            "\(path): has more than \(limit) frames. Cut a shorter clip."
        case .sampleTooLarge(let path, let frames, let width, let height, let most):
            "\(path): \(frames) frames of \(width)×\(height) pixels are too many at once. Ask for \(most) or fewer."
        case .damaged(let path, let format, let detail):
            "\(path): is a damaged or incomplete \(format) file (\(detail)). Get a whole copy."
        case .noVideoStream(let path, let format):
            "\(path): this \(format) file holds no moving pictures."
        case .unsupportedCodec(let path, let codec):
            "\(path): the installed FFmpeg libraries cannot decode \(codec). Convert the file to H.264."
        case .invalidFrameCount(let count):
            "cannot sample \(count) frames: ask for at least 1."
        case .cancelled(let path):
            "\(path): stopped."
        case .encodingFailed(let detail):
            "a picture could not be encoded as PNG (\(detail))."
        }
    }

    private static func mebibytes(_ bytes: Int) -> String {
        bytes < 1 << 20 ? "\(bytes) bytes" : "\(bytes >> 20) MiB"
    }
}

/// Text from files and libraries made safe to print.
enum PrintableText {
    /// Replaces control characters, line ends and directional overrides, and cuts what is too long.
    static func clean(_ text: String, limit: Int = 600) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .format where scalar.properties.isJoinControl:
                result.append(scalar)
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                result.append("\u{FFFD}")
            default:
                result.append(scalar)
            }
        }
        return String(result)
    }
}

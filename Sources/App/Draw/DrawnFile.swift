import Foundation
import Media
import Pixels

/// Where drawn pictures are written: a PNG file, or several with numbers.
struct DrawnFile {
    private let target: String

    /// Refuses a place where no file can be, before hours of drawing.
    init(_ target: String) throws(CommandError) {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: target, isDirectory: &isFolder), isFolder.boolValue {
            throw .failed("\(target): is a folder; name a file in it with --output.")
        }
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw .failed("\(folder): there is no such folder. Make it, or name another file with --output.")
        }
        guard FileManager.default.isWritableFile(atPath: folder) else {
            throw .failed("\(folder): cannot be written to. Name a file elsewhere with --output.")
        }
        self.target = target
    }

    /// The file of one picture; with a number before its ending.
    func path(number: Int?) -> String {
        guard let number else { return target }
        let name = target.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "\(target)-\(number)" }
        return target.dropLast(name[dot...].count) + "-\(number)" + name[dot...]
    }

    /// Writes a picture, whole or not at all.
    func write(_ picture: PixelImage, texts: [(keyword: String, text: String)], to path: String) throws(CommandError) {
        let png: [UInt8]
        do { png = try StillEncoder.png(picture) } catch { throw .failed(error.description) }
        do {
            try Data(PNGTexts(texts).added(to: png)).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .failed("\(path): cannot be written: \(error.localizedDescription)")
        }
    }
}

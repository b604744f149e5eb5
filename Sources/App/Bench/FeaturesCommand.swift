import ArgumentParser
import Digest
import Dispatch
import Foundation
import Generation
import Media
import ModelFiles
import Models
import Synchronization
import Tensor

/// `bench features`: what a visual encoder makes of many pictures, for training on it.
struct FeaturesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Write what the small built-in model's visual encoder makes of many pictures.",
        discussion: """
            Each --chunk lines of the list become a file features-NNNNN.safetensors in the folder: `features` [pictures, \
            rows, width] in F16 and `valid` [pictures], 0 where a picture could not be read. Files that are there \
            already, of the same lines and encoder, stay: a run that was stopped goes on.
            """)

    @Option(help: ArgumentHelp("The encoder's GGUF file.", valueName: "file"))
    var tower: String

    @Option(help: ArgumentHelp("A text file with the path of a picture on each line.", valueName: "file"))
    var list: String

    @Option(name: [.short, .long], help: ArgumentHelp("The folder to write to.", valueName: "folder"))
    var output: String

    @Option(help: ArgumentHelp("Pictures of a file.", valueName: "n"))
    var chunk = 512

    @Option(help: "Arithmetic: fast, as the chat has it, or exact.")
    var precision: Precision = .fast

    @Option(help: ArgumentHelp("Threads to compute on (all processors by default).", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256.") }
        if !(1...65_536).contains(chunk) { throw ValidationError("--chunk must be 1 to 65536.") }
    }

    func run() async throws {
        let lines = try pictures()
        let workers = threads ?? ThreadPool.availableProcessors
        let (encoder, digest) = try encoder(threads: workers)
        let cancelled = CancellationFlag()
        let interruption = Interruption { cancelled.cancel() }
        defer { interruption.end() }
        do {
            try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        } catch { throw CommandError.failed("\(output): the folder cannot be made. Choose another with -o.") }
        var progress = ProgressLine()
        var (made, unread) = (0, 0)
        for start in stride(from: 0, to: lines.count, by: chunk) {
            let part = Array(lines[start..<min(lines.count, start + chunk)])
            let path = "\(output)/features-\(String(format: "%05d", start / chunk)).safetensors"
            let facts = [
                "lines_sha256": SHA256Digest(of: Array(part.joined(separator: "\n").utf8)).hexadecimal,
                "tower_sha256": digest, "precision": precision.rawValue, "kernel": precision.kernelName,
                "encoder": encoder.name,
            ]
            if (try? SafetensorsFile(path: path))?.metadata == facts { continue }
            let features = encode(part, encoder, workers, cancelled) { done in
                progress.show(GenerationProgress(stage: .images, completed: start + done, total: lines.count))
            }
            progress.clear()
            for case .failure(let error) in features { StandardError.write("bench: \(error.description)\n") }
            if cancelled.isCancelled { throw CommandError.interrupted }
            unread += try write(features, encoder, facts, to: path)
            made += part.count
        }
        try StandardOutput.write("\(lines.count) pictures, \(made) encoded now, \(unread) of them could not be read\n")
    }

    private func pictures() throws(CommandError) -> [String] {
        guard let data = FileManager.default.contents(atPath: list) else {
            throw .failed("\(list): cannot be read. Check the path and its permissions.")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .failed("\(list): expected UTF-8 text, found other bytes. Write one path on each line.")
        }
        let lines = text.split(separator: "\n").map(String.init)
        guard !lines.isEmpty else { throw .failed("\(list): expected paths, found none. Write one on each line.") }
        return lines
    }

    private func encoder(threads: Int) throws(CommandError) -> (CLIPPictureEncoder, digest: String) {
        do {
            let file = try GGUFFile(path: (tower as NSString).expandingTildeInPath)
            let packer = precision == .fast ? WeightPacker(pool: ThreadPool(threadCount: threads)) { _ in } : nil
            let encoder = try CLIPPictureEncoder(file: file, loading: WeightLoading(packer: packer))
            return (encoder, file.digest().hexadecimal)
        } catch { throw .failed("\(error)") }
    }

    private typealias Features = Result<[Float], MediaError>

    /// The features of pictures, each on one thread, since many pictures need no others; fewer when cancelled.
    private func encode(
        _ paths: [String], _ encoder: CLIPPictureEncoder, _ workers: Int, _ cancelled: CancellationFlag,
        progress: (Int) -> Void
    ) -> [Features] {
        let results = Mutex([Features?](repeating: nil, count: paths.count))
        let next = Atomic(0)
        // Told in batches, since progress belongs to the caller's thread.
        let batch = max(1, workers * 4)
        for first in stride(from: 0, to: paths.count, by: batch) where !cancelled.isCancelled {
            let end = min(paths.count, first + batch)
            next.store(first, ordering: .relaxed)
            DispatchQueue.concurrentPerform(iterations: workers) { _ in
                let pool = ThreadPool(threadCount: 1)
                while true {
                    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard index < end, !cancelled.isCancelled else { return }
                    let found = Self.features(paths[index], encoder, pool)
                    results.withLock { $0[index] = found }
                }
            }
            progress(end)
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    private static func features(_ path: String, _ encoder: CLIPPictureEncoder, _ pool: ThreadPool) -> Features {
        do throws(MediaError) {
            let image = try StillDecoder().load(path: path).seenPixels
            guard let features = try? encoder.features(of: image, pool: pool) else {
                throw .encodingFailed(detail: "no memory for a picture")
            }
            return .success(features)
        } catch { return .failure(error) }
    }

    /// Writes a file whole or not at all; returns how many pictures could not be read.
    private func write(
        _ features: [Features], _ encoder: CLIPPictureEncoder, _ facts: [String: String], to path: String
    ) throws(CommandError) -> Int {
        let width = encoder.transformer.configuration.width
        var (values, valid) = ([Float](), [Float]())
        values.reserveCapacity(features.count * encoder.slots * width)
        for result in features {
            switch result {
            case .success(let rows): values += rows
            case .failure: values += [Float](repeating: 0, count: encoder.slots * width)
            }
            if case .success = result { valid.append(1) } else { valid.append(0) }
        }
        do {
            try SafetensorsWriter(
                tensors: [
                    ("features", [features.count, encoder.slots, width], values), ("valid", [features.count], valid),
                ], metadata: facts, halved: ["features"]
            ).data().write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch { throw .failed("\(path): cannot be written. Check the folder and its free space.") }
        return valid.count(where: { $0 == 0 })
    }
}

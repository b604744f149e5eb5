import ArgumentParser
import ChatUI
import Configuration
import Foundation
import Media
import Pixels
import Screen

/// `bench ui`: how fast the screen answers, as JSON. The real event loop draws on a pseudo-terminal.
struct UICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ui",
        abstract: "Measure the screen in a long conversation while an answer streams.")

    @Option(help: ArgumentHelp("Messages of the conversation.", valueName: "n"))
    var messages = 10_000

    @Option(help: ArgumentHelp("Keys that are timed.", valueName: "n"))
    var keys = 600

    @Option(help: ArgumentHelp("Tokens per second that stream in meanwhile.", valueName: "x"))
    var rate = 300.0

    @Option(help: ArgumentHelp("Columns of the screen.", valueName: "n"))
    var columns = 120

    @Option(help: ArgumentHelp("Rows of the screen.", valueName: "n"))
    var rows = 40

    func validate() throws {
        guard (1...1_000_000).contains(messages), (20...100_000).contains(keys), (1...100_000).contains(rate) else {
            throw ValidationError("--messages must be 1 to 1000000, --keys 20 to 100000, --rate 1 to 100000.")
        }
        guard (40...2000).contains(columns), (12...1000).contains(rows) else {
            throw ValidationError("--columns must be 40 to 2000, --rows 12 to 1000.")
        }
    }

    func run() async throws {
        let size = Size(columns: columns, rows: rows)
        let load = UILoad(size: size, messages: messages, rate: rate)
        let terminal = try PseudoTerminal(size: size)
        let screen: ChatScreen
        do {
            screen = try ChatScreen(
                Appearance(
                    themes: ThemeCatalog(folder: ""), themeName: ThemeCatalog.standardName, theme: .terminal))
        } catch {
            terminal.restore()
            throw error
        }
        let latencies = load.measureKeys(screen, terminal, count: keys)
        let bytesPerToken = latencies.count == keys ? load.measureBytes(screen, terminal) : 0
        screen.stop()
        terminal.restore()
        guard latencies.count == keys else {
            throw CommandError.failed("The screen did not show what key \(latencies.count + 1) of \(keys) did.")
        }
        let interfaceBytes = PeakMemory.residentBytes
        let preview = try await previewSeconds()
        try StandardOutput.writeJSON(report(latencies, bytesPerToken, interfaceBytes, preview), isIndented: true)
    }

    /// Seconds from a file of 12 megapixels to cells, on another thread than the screen's; the median of five.
    private func previewSeconds() async throws -> Double {
        guard let jpeg = SamplePicture.jpeg(width: 4000, height: 3000) else {
            throw CommandError.failed("libvips cannot write a JPEG to measure with.")
        }
        // As large as a preview in the conversation becomes.
        let place = Size(columns: 48, rows: 12)
        return try await Task.detached {
            var seconds: [Double] = []
            for _ in 0..<5 {
                let start = ContinuousClock.now
                let picture = try StillDecoder().load(bytes: jpeg, name: "sample.jpg")
                _ = PreviewRenderer.render(picture.pixels, within: place, colors: .palette256)
                seconds.append((ContinuousClock.now - start).seconds)
            }
            return median(seconds)
        }.value
    }

    private func report(
        _ latencies: [Double], _ bytesPerToken: Double, _ interfaceBytes: Int, _ preview: Double
    ) -> Content {
        let sorted = latencies.sorted()
        func percentile(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] * 1000
        }
        return Content(
            messages: messages, keys: keys, tokens_per_second: rate, columns: columns, rows: rows,
            key_to_screen_milliseconds: Content.Percentiles(
                p50: percentile(0.5), p99: percentile(0.99), max: (sorted.last ?? 0) * 1000),
            bytes_per_token: bytesPerToken, interface_peak_rss_bytes: interfaceBytes,
            preview_12_megapixels_milliseconds: preview * 1000)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let messages: Int
        let keys: Int
        let tokens_per_second: Double
        let columns: Int
        let rows: Int
        let key_to_screen_milliseconds: Percentiles
        /// Sent to the terminal for each token that streamed in, while nothing scrolled.
        let bytes_per_token: Double
        let interface_peak_rss_bytes: Int
        let preview_12_megapixels_milliseconds: Double

        struct Percentiles: Encodable {
            let p50: Double
            let p99: Double
            let max: Double
        }
    }
}

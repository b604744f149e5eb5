import ArgumentParser

/// `bench`: speeds and accuracies, measured.
package struct BenchCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure speed and accuracy.",
        version: "emuchat \(emuchatVersion)",
        subcommands: [
            SpeedCommand.self, LimitsCommand.self, EncodeCommand.self, FeaturesCommand.self, PerplexityCommand.self,
            ParityCommand.self, DrawBenchCommand.self, SessionsBenchCommand.self, SynthCommand.self, UICommand.self,
        ])

    package init() {}
}

import App

await CommandRunner.main(BenchCommand.self)

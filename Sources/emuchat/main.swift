import App

await CommandRunner.main(EmuchatCommand.self)

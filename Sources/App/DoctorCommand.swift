import ArgumentParser
import Chat
import Foundation
import Generation
import Inference

/// `emuchat doctor`: what `/doctor` tells in the chat.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell about the system, the libraries, the model and the folders, to be pasted in reports.")

    @OptionGroup var model: ModelArguments
    @OptionGroup var folders: SessionArguments

    func run() async throws {
        var description: ModelDescription?
        var problem: String?
        do {
            description = try LoadedModel(path: model.path(), options: model.options).description
        } catch {
            problem = (error as? CommandError)?.message ?? "\(error)"
        }
        let doctor = Doctor(model: description, modelProblem: problem, store: folders.store, screen: nil)
        try StandardOutput.write(doctor.report + "\n")
    }
}

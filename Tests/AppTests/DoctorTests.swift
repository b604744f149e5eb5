import Foundation
import TestSupport
import Testing

@Suite struct DoctorTests {
    @Test func theReportNamesWhatMatters() throws {
        let runner = try ProgramRunner()
        let result = try runner.emuchat("doctor", "--model", ProgramRunner.tinyModel)
        #expect(result.status == 0 && result.errorText.isEmpty)
        let names = result.text.split(separator: "\n").map { $0.prefix { $0 != " " } }
        for name in ["emuchat", "system", "processor", "kernels", "memory", "model", "context", "sessions", "log"] {
            #expect(names.contains { $0 == name }, "\(name) in:\n\(result.text)")
        }
        #expect(result.text.contains(runner.folder.path + "/data/emuchat/sessions"))
        #expect(result.text.contains("not there yet"))
    }

    @Test func aModelThatCannotBeReadIsPartOfTheReport() throws {
        let runner = try ProgramRunner()
        let result = try runner.emuchat("doctor", "--model", "gone.gguf")
        #expect(result.status == 0)
        #expect(result.text.contains(/\nmodel +gone\.gguf/))
    }
}

import Foundation
import TestSupport
import Testing

/// Under whose terms a model may be used is told when it is first loaded, and not every time.
@Suite struct LicenceNoticeTests {
    private static let checkpoint = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/chat")

    @Test(.enabled(if: checkpoint != nil, "../shared is missing")) func termsAreToldOnce() throws {
        let runner = try ProgramRunner()
        let model = try #require(Self.checkpoint).path
        let arguments = ["ask", "--model", model, "--max-tokens", "1", "--beams", "1", "Hello"]
        let state = ["XDG_STATE_HOME": runner.folder.appendingPathComponent("state").path]
        let first = try runner.start("emuchat", arguments, environment: state).finish()
        #expect(first.status == 0 && first.errorText.contains("non-commercial"), "\(first.errorText)")
        let second = try runner.start("emuchat", arguments, environment: state).finish()
        #expect(second.status == 0 && !second.errorText.contains("non-commercial"))
        #expect(first.text == second.text)
    }
}

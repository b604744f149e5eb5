import Generation

extension CommandProblem: CustomStringConvertible {
    /// One line for people: what was typed, what was expected, what to do.
    var description: String {
        switch self {
        case .unknown(let name, let nearest?): "/\(name): no such command. Did you mean /\(nearest)?"
        case .unknown(let name, nil): "/\(name): no such command. /help shows all"
        case .noPath(command: "video"): "/video: which file? Type its path, as in /video ~/Videos/dog.mp4"
        case .noPath(let command): "/\(command): which file? Type its path, as in /\(command) ~/Pictures/dog.jpg"
        case .wrongFrames(let value, let maximum):
            "/video --frames\(value.isEmpty ? "" : " " + value): how many frames? It takes 1 to \(maximum)"
        case .noPictures: "/view: there are no pictures here. /image attaches one"
        case .noScreen(let command): "/\(command): lines of text show no pictures; emuchat without --plain does"
        case .noSuchPicture(let text, let numbers):
            "/view \(text): no such picture. There \(numbers.count == 1 ? "is" : "are") "
                + Self.list(numbers)
        case .noPictureToGround(let text, let numbers):
            "/ground \(text): no such picture. "
                + (numbers.isEmpty ? "There are none yet; /image attaches one" : "There are \(Self.list(numbers))")
        case .modelGivesNoBoxes(let model):
            "/ground: \(model) cannot say where things are. Emu2-Chat can; /model FILE changes the model"
        case .nothingToDraw: "/draw: what? Type it, as in /draw a red fox in the snow, or /draw [Image #1] at night"
        case .modelDrawsNothing(let command, let model):
            "/\(command): \(model) draws no pictures. Emu2-Gen does; /model FILE changes the model"
        case .noBox: "/box: where is which thing to be? As in /box the dog 40 60 200 300, in 448ths of the picture"
        case .wrongBox(let text, let hasScreen):
            "/box \(text): it takes a name and four whole numbers, left, top, right, bottom, that make a box"
                + (hasScreen ? "; the name alone has it placed with arrow keys" : "")
        case .tooManyBoxes: "/box: \(DrawingBox.most) boxes are as many as there can be. /box off takes them away"
        case .noPictureToDraw(let command, let text, let numbers):
            "/\(command): there is no picture \(text). "
                + (numbers.isEmpty ? "/image attaches one" : "There are \(Self.list(numbers))")
        case .wrongDrawingOption(let option, let value, let range):
            "/draw --\(option)\(value.isEmpty ? "" : " " + value): it takes \(range)"
        case .noSuchDrawingOption(let option, let nearest?):
            "/draw \(option): no such option. Did you mean --\(nearest)?"
        case .noSuchDrawingOption(let option, nil):
            "/draw \(option): no such option. There are \(DrawReducer.options.map { "--" + $0 }.joined(separator: ", "))"
        case .drawingCannotGoOn: "/continue: a drawing that was stopped cannot go on. /regenerate draws anew"
        case .noExampleAnswer: "/example: which answer should it have? Type it, as in /example Two poodles."
        case .noExampleQuestion: "/example: write its question first, mostly a picture and what is asked of it"
        case .picturesAreLoading(let command): "/\(command): a picture is still being read. Try again in a moment"
        case .wrongExamplesCommand:
            "/examples takes use SET, nearest N SET, off, keep SET, show SET or remove SET [N]; alone it lists the sets"
        case .wrongExamplesCount(let text):
            "/examples nearest \(text): how many? It takes 1 to \(ExamplesWish.most)"
        case .modelCannotCompare(let model): "/examples nearest: \(model) cannot see pictures to compare them"
        case .noSuchPreset(let name):
            "/preset \(name): no such preset. There are \(GenerationPreset.all.map(\.name).joined(separator: ", "))"
        case .noSuchOption(let name, let nearest?): "/set \(name): no such option. Did you mean \(nearest)?"
        case .noSuchOption(let name, nil): "/set \(name): no such option. /set alone shows all"
        case .noValue(let option, let range): "/set \(option): which value? It takes \(range)"
        case .wrongValue(let option, let value, let range): "/set \(option) \(value): \(option) takes \(range)"
        case .answerIsRunning(let command): "/\(command): an answer is running. Esc stops it"
        case .modelIsNotReady(let command): "/\(command): there is no model to answer yet"
        case .nothingAsked(let command): "/\(command): nothing has been asked yet. Type a question"
        case .answerIsComplete:
            "/continue: the last answer is complete. Ask on, or /regenerate for another one"
        case .answerFailed: "/continue: the last answer failed. /regenerate asks for another one"
        case .noSuchQuestion(let number, let count?):
            "/edit \(number): no such question. There \(count == 1 ? "is only /edit 1" : "are 1 to \(count)")"
        case .noSuchQuestion(let text, nil): "/edit \(text): which question? Type its number, as in /edit 1"
        case .noBranches: "/branch: there is only this one. /regenerate, /continue and /edit make others"
        case .noSuchBranch(let number, let count?): "/branch \(number): no such branch. There are 1 to \(count)"
        case .noSuchBranch(let text, nil): "/branch \(text): which branch? Type its number, as in /branch 1"
        case .noSuchSession(let name): "/open \(name): no such number. /open 1 is the latest conversation"
        case .noSessionGiven: "/open: which conversation? Type its number or its name"
        }
    }

    private static func list(_ numbers: [Int]) -> String {
        numbers.prefix(12).map { "\($0)" }.joined(separator: ", ") + (numbers.count > 12 ? ", …" : "")
    }
}

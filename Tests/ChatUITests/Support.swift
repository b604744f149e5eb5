import ChatUI
import Generation
import Screen
import Testing

/// A chat without a terminal: scripted keys go in, the state and the effects are looked at.
struct ScriptedChat {
    var state: AppState
    var effects: [Effect] = []
    /// What went into the history; not among the effects that `act` returns.
    var sent: [String] = []

    /// 2026-03-05 14:02:00 GMT.
    static let noon = 1_772_719_320.0

    static let blindModel = ModelDescription(
        name: "SmolLM2 135M", path: "/models/smollm2.gguf", architecture: "llama", parameterCount: 134_515_008,
        weightType: "Q4_1", templateName: "chatml", contextLength: 2048, seesImages: false, kernel: "avx2",
        precision: "exact")

    /// One that sees pictures and says where in them things are.
    static let seeingModel = {
        var model = ModelDescription(
            name: "Emu2-Chat", path: "/emu2", architecture: "emu2", parameterCount: 1, weightType: "F16",
            templateName: "emu2", contextLength: 2048, seesImages: true, kernel: "avx2", precision: "exact")
        model.sight = PictureSight(width: 448, height: 448)
        model.mediaCost = MediaCost(image: 258, clip: 1, frame: 66)
        model.givesBoxes = true
        return model
    }()

    init(columns: Int = 80, rows: Int = 24, model: AppState.Model? = nil) {
        state = AppState(
            setting: AppState.Setting(version: "0.1.0", homeFolder: "/home/ada", secondsFromGMT: 0),
            size: Size(columns: columns, rows: rows), now: Self.noon, model: model ?? .ready(Self.blindModel))
    }

    @discardableResult
    mutating func act(_ action: Action) -> [Effect] {
        let new = reduce(into: &state, action).filter { effect in
            guard case .historyAppended(let text) = effect else { return true }
            sent.append(text)
            return false
        }
        effects += new
        return new
    }

    @discardableResult
    mutating func press(_ keys: Key...) -> [Effect] {
        keys.flatMap { act(.inputArrived(.key($0))) }
    }

    /// Types text key by key; a newline is Enter.
    @discardableResult
    mutating func type(_ text: String) -> [Effect] {
        text.flatMap { press($0 == "\n" ? Key(.enter) : Key(.character($0))) }
    }

    mutating func load(_ number: Int, _ name: String, width: Int = 640, height: Int = 480) {
        act(.pictureLoaded(number: number, PictureFacts(name: name, width: width, height: height)))
    }

    mutating func start(unseen: [Int] = []) {
        act(
            .generationEventArrived(
                .started(
                    GenerationStart(
                        promptTokens: [1], reusedTokens: 0, unseenMedia: unseen, seed: 1, imageSeconds: 0,
                        prefillSeconds: 0.5))))
    }

    mutating func answer(_ text: String, from seconds: Double = 0.7) {
        for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            let token = GeneratedToken(
                id: 1, logProbability: -1, text: (index > 0 ? " " : "") + word,
                seconds: seconds + Double(index) * 0.025)
            act(.generationEventArrived(.token(token)))
        }
    }

    mutating func finish(_ reason: FinishReason = .end, rest: String = "", contextTokens: Int = 612) {
        act(
            .generationEventArrived(
                .finished(
                    GenerationSummary(
                        finishReason: reason, remainingText: rest, generatedTokens: 42, contextTokens: contextTokens,
                        firstTokenSeconds: 0.7, totalSeconds: 1.7))))
    }

    var frame: Frame { view(state) }

    /// The editor's text with `|` at the cursor.
    var draft: String {
        let before = state.editor.elements[..<state.editor.cursor].map(\.text).joined()
        return before + "|" + state.editor.elements[state.editor.cursor...].map(\.text).joined()
    }
}

extension Key {
    static let enter = Key(.enter)
    static let escape = Key(.escape)
    static let up = Key(.up)
    static let down = Key(.down)

    static func alt(_ character: Character) -> Key { Key(.character(character), .alt) }
}

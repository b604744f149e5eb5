import Generation
import Screen

/// Everything the chat screen shows and decides by. Only `reduce` changes it.
package struct AppState: Equatable, Sendable {
    /// What the program knows at its start.
    package struct Setting: Equatable, Sendable {
        package var version: String
        /// For `~` in paths.
        package var homeFolder: String
        /// Seconds east of Greenwich, for the times of messages.
        package var secondsFromGMT: Int
        /// Whether there is a screen; else lines come and go.
        package var hasScreen: Bool

        package init(version: String, homeFolder: String, secondsFromGMT: Int, hasScreen: Bool = true) {
            self.version = version
            self.homeFolder = homeFolder
            self.secondsFromGMT = secondsFromGMT
            self.hasScreen = hasScreen
        }
    }

    package enum Model: Equatable, Sendable {
        case loading(ModelLoading)
        case ready(ModelDescription)
        /// The text says what went wrong and what to do.
        case failed(String)
        /// Not needed, as in a replay.
        case absent
    }

    /// An answer that is being generated.
    package struct RunningAnswer: Equatable, Sendable {
        /// The item that receives the text.
        package var itemID: ConversationItem.ID
        package var questionID: ConversationItem.ID
        /// Seconds since 1970.
        package var startedAt: Double
        package var progress: GenerationProgress?
        package var progressSince: Double
        /// Of a drawing: how far it is, and the numbers of its pictures.
        package var drawing: DrawingProgress?
        package var drawnNumbers: [Int] = []
        package var firstTokenSeconds: Double?
        package var tokens: Int
        package var lastTokenSeconds: Double
        package var isStopping: Bool
        package var origin = QuestionOrigin.end
        /// The text of the answer that this one goes on with.
        package var beginning = ""
        /// The item's text behind the beginning is a leading beam's, which the answer will replace.
        package var isProvisional = false

        /// Tokens per second so far; nil below two tokens.
        package var tokensPerSecond: Double? {
            guard let firstTokenSeconds, tokens > 1, lastTokenSeconds > firstTokenSeconds else { return nil }
            return Double(tokens - 1) / (lastTokenSeconds - firstTokenSeconds)
        }
    }

    /// The line of the conversation at the top of the screen, while the user looks at earlier text.
    package struct ScrollAnchor: Equatable, Sendable {
        package var itemID: ConversationItem.ID
        package var line: Int
    }

    /// A picture or a clip that fills the screen.
    package struct PictureView: Equatable, Sendable {
        package var number: Int
        package var block: CellBlock?
        /// The size of screen for which it was last asked.
        package var requestedSize: Size?
        /// The boxes with which it was last asked.
        package var requestedBoxes: [NumberedBox] = []
    }

    /// A question that does not fit into the context, while the user is asked what to do.
    package struct Overflow: Equatable, Sendable {
        package var questionID: ConversationItem.ID
        package var origin: QuestionOrigin
        package var plan: ContextPlan
        /// Turns that were left out before; the plan's turns are counted behind them.
        package var droppedTurns: Int
    }

    /// Examples that are being chosen, and how far that has come.
    package struct Comparing: Equatable, Sendable {
        package var wish: ExamplesWish
        package var completed = 0
        package var total = 0
    }

    /// A question that was asked and not sent.
    package struct Unanswered: Equatable, Sendable {
        package var question: ConversationItem
        package var origin: QuestionOrigin
    }

    package var setting: Setting
    /// Of the whole terminal.
    package private(set) var screenSize: Size
    /// Of the conversation: the screen, without the list of sessions beside it.
    package private(set) var size: Size
    /// Seconds since 1970, as of the last tick.
    package var now: Double
    package var model: Model
    /// A model that is to take the present one's place, while it is being loaded.
    package var loadingModel: ModelLoading?
    package var sessionName: String?

    package var items: [ConversationItem] = []
    package var nextItemID = 1
    /// By number, from 1.
    package var pictures: [Int: Picture] = [:]
    package var nextPictureNumber = 1
    /// The session's numbers of the questions that follow the conversation's end, after some were taken back.
    package var continuations: [Int] = []
    /// Another conversation or branch was asked for and has not come.
    package var awaitsConversation = false

    package var editor = Editor()
    package var history = EditorHistory()
    package var editing: Editing?
    /// Something is looked for in the history.
    package var historySearch: HistorySearch?
    /// Ctrl-X was pressed, and means something with the next key.
    package var hasPrefixKey = false
    /// What Tab could complete to, while more than one thing is possible.
    package var completions: [String] = []
    /// Number of the last completion that was asked for.
    package var completionRequest = 0
    package var completionBase: CompletionBase?
    package var takenCommand: TakenCommand?
    /// The revision of the draft that was last seen, and when the draft has to be kept, in seconds since 1970.
    var notedRevision = 0
    package var draftDueAt: Double?
    package var attachments: [Attachment] = []
    package var pastes: [Paste] = []
    package var nextPasteID = 0
    /// Enter was pressed while pictures were still being read.
    package var sendsWhenLoaded = false
    /// What went wrong at the editor, until the next Enter or Esc.
    package var inputErrors: [String] = []
    /// A short answer of a command, until the next Enter or Esc.
    package var inputNote: String?
    package var usedHints: Set<Hint> = []

    package var options: GenerationOptions
    /// Whether the user chose how answers are sampled, so that a model's makers have no say.
    package var hasChosenOptions = false
    package var systemText: String?
    /// The next question's answer is to say where things are.
    package var groundingWish: ConversationItem.GroundingWish?
    /// Where the next drawing is to have things; pictures in their names by the conversation's numbers.
    package var boxes: [DrawingBox] = []
    /// The next question is to have the nearest examples of a set before it.
    package var examplesWish: ExamplesWish?
    /// Pictures of examples are being compared for the first question that waits.
    package var comparing: Comparing?

    package var answer: RunningAnswer?
    package var overflow: Overflow?
    /// Questions in the order in which they will be answered.
    package var waiting: [ConversationItem.ID] = []
    /// Tokens that the context held after the last answer; nil before the first.
    package var contextTokens: Int?
    package var lastFigures: AnswerFigures?

    package var pictureView: PictureView?
    package var boxPlacement: BoxPlacement?
    /// nil follows the newest text.
    package var scroll: ScrollAnchor?
    package var hasNewTextBelow = false
    package var isAskingToLeave = false
    package var isLeaving = false

    /// Newest first.
    package var recentSessions: [RecentSession] = []
    /// nil while the list of sessions is closed.
    package var browser: SessionBrowser?
    package var replay: ReplayStatus?

    /// What has been laid out already: nothing that is shown depends on it.
    let layouts = LayoutCache()

    package init(
        setting: Setting, size: Size, now: Double, model: Model, options: GenerationOptions = GenerationOptions(),
        systemText: String? = nil
    ) {
        self.setting = setting
        screenSize = size
        self.size = size
        self.now = now
        self.model = model
        self.options = options
        self.systemText = systemText
        notedRevision = editor.revision.number
    }

    /// The loaded model; nil while there is none.
    package var loadedModel: ModelDescription? {
        if case .ready(let model) = model { model } else { nil }
    }

    /// Whether the loaded model sees pictures; nil while none is loaded.
    package var modelSees: Bool? { loadedModel?.seesImages }

    /// Tokens that a picture or a clip takes from the context of the loaded model.
    func tokens(of facts: PictureFacts) -> Int {
        guard case .ready(let model) = model, model.seesImages else { return 0 }
        if let tokens = facts.tokens { return tokens }
        guard let clip = facts.clip else { return model.mediaCost.image }
        return model.mediaCost.clip + clip.times.count * model.mediaCost.frame
    }

    /// Tokens that the pictures and clips of the draft will take, each as often as it stands there.
    var draftPictureTokens: Int {
        editor.placedPictures.reduce(0) { sum, number in
            sum + (pictures[number]?.facts.map(tokens) ?? 0)
        }
    }

    /// One line about a picture or a clip, with what it costs.
    func caption(_ facts: PictureFacts) -> String {
        var facts = facts
        (facts.seenWidth, facts.seenHeight) = (loadedModel?.sight?.width, loadedModel?.sight?.height)
        let count = tokens(of: facts)
        facts.tokens = count > 0 ? count : nil
        return facts.caption(modelSees: modelSees)
    }

    /// Whether time shows on the screen, so that ticks are worth sending a few times a second.
    package var isAnimated: Bool {
        if answer != nil { return true }
        if case .loading = model { return true }
        if loadingModel != nil { return true }
        return replay.map { !$0.isPaused } ?? false
    }

    /// Takes another size of the terminal.
    mutating func resize(to size: Size) {
        screenSize = size
        fitToScreen()
    }

    /// Gives the conversation the room that it has now.
    mutating func fitToScreen() {
        size = screenSize
        if browser != nil, ScreenGeometry.showsBrowserBeside(screenSize) {
            size.columns -= ScreenGeometry.browserColumns(screenSize)
        }
    }

    /// Whether nothing has been said yet but under whose terms the model may be used.
    var isUntouched: Bool { items.allSatisfy { $0.speaker == .program && $0.text == loadedModel?.termsToTell } }

    package func item(_ id: ConversationItem.ID) -> ConversationItem? {
        index(of: id).map { items[$0] }
    }

    /// Questions that were asked and not sent: the one that does not fit into the context, and those behind it.
    package var unansweredQuestions: [Unanswered] {
        var pending = waiting.map { ($0, QuestionOrigin.end) }
        switch overflow?.origin {
        case .end, .edited: pending.insert((overflow?.questionID ?? 0, overflow?.origin ?? .end), at: 0)
        // The question has been part of the session before.
        case .regenerated, .continued, nil: break
        }
        return pending.compactMap { id, origin in item(id).map { Unanswered(question: $0, origin: origin) } }
    }

    /// Where an item stands; looked for from the end, where items change.
    package func index(of id: ConversationItem.ID) -> Int? {
        items.lastIndex { $0.id == id }
    }
}

/// A model that is being loaded.
package struct ModelLoading: Hashable, Sendable {
    package var name: String
    /// How much of it is done, from 0 to 1; nil while unknown.
    package var share: Double?
    /// When it began, in seconds since 1970.
    package var since: Double

    package init(name: String, share: Double? = nil, since: Double) {
        self.name = name
        self.share = share
        self.since = since
    }
}

/// A hint that goes away once it has been followed.
package enum Hint: Hashable, Sendable {
    case send, newLine, image, help
}

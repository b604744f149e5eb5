import Chat
import Generation
import Screen

/// What has happened. Facts, in the past tense.
package enum Action: Sendable {
    /// A key, a paste, a new size, a signal.
    case inputArrived(InputEvent)
    /// Seconds since 1970. Sent before other actions that take place then, and now and then while `isAnimated`.
    case ticked(Double)

    case modelLoadingProgressed(share: Double)
    case modelLoaded(ModelDescription)
    case modelFailed(String)

    case pictureLoaded(number: Int, PictureFacts)
    /// The text says what is wrong with the file and what to do, without naming the command.
    case pictureFailed(number: Int, String)
    case previewRendered(number: Int, CellBlock)
    case viewRendered(number: Int, CellBlock)
    /// The files that a pattern matches, at least one.
    case patternExpanded(number: Int, paths: [String])
    /// The pictures and clips that a pasted text names; empty when it is other text.
    case pasteProbed(id: Int, [FoundMedium])

    /// An event of the generation that `Effect.startGeneration` started.
    case generationEventArrived(GenerationEvent)

    /// How far the drawing that `Effect.startGeneration` started is.
    case drawingProgressed(DrawingProgress)
    /// A picture of the running drawing can be shown: drawn, or as far as it has come.
    case pictureDrawn(number: Int, PictureFacts)
    /// Of the running drawing the picture `which`, from 1, is withheld; what there was of it in the place `number` goes.
    case pictureWithheld(number: Int, which: Int)
    /// A picture that the model opened in its answer will not be drawn; why, in words.
    case pictureNotDrawn(number: Int, String)

    /// The question of `Effect.startGeneration` does not fit into the context, and nothing was sent. Of the conversation
    /// this many of the oldest turns had been left out before.
    case contextOverflowed(ContextPlan, droppedTurns: Int)
    /// The running answer is asked for without so much, and the answer before was not.
    case conversationShortened(turns: Int, pictures: Int)

    /// A conversation was opened: it takes the place of the one shown. Its items' ids are unique and positive.
    case conversationOpened(OpenedConversation)
    /// Another branch of the conversation is to be shown, or the same one as the session has it.
    case branchShown(OpenedConversation)
    /// Items became messages of the session.
    case messagesPlaced([ConversationItem.ID: BranchPlace])
    /// The running answer goes on with this text.
    case answerResumed([ConversationItem.Part], [Int: PictureFacts])
    /// What came of a request about examples: a short answer, or a text to read.
    case examplesTold(String, isNote: Bool)
    case examplesFailed(String)
    case picturesCompared(completed: Int, total: Int)
    /// What was sent in earlier conversations, the latest last.
    case historyLoaded([String])
    /// What was being written when the program ended the last time.
    case draftRestored([DraftPart])
    /// `Effect.keepDraft` was not done; the text says why.
    case draftNotKept(String)
    /// Another model could not be loaded; the one before stays.
    case modelChangeFailed(String)
    /// This many positions of the context are on disk, and take this many bytes there.
    case contextParked(tokens: Int, bytes: Int)
    case contextNotParked(String)
    case optionsSaved(path: String)
    case optionsNotSaved(String)
    /// What `Effect.diagnose` found.
    case diagnosed(String)
    /// The text as the user's own editor left it.
    case externallyEdited(String)
    case externalEditorFailed(String)
    /// Names in the folder of `Effect.completePath`, folders with a slash behind.
    case pathsCompleted(request: Int, [String])
    case sessionSaved(name: String)
    case sessionFailed(String)
    case recentSessionsListed([RecentSession])
    case sessionsListed(request: Int, [RecentSession])
    case sessionDeleted(SessionBrowser.Deleted)
    /// A session has another title, or is back.
    case sessionListChanged
    case sessionListFailed(String)

    /// The screen has another theme.
    case themeChanged(name: String)
    /// The theme that was asked for cannot be used; the text says why and what to do.
    case themeFailed(String)
    case themesListed([String], current: String)

    /// A replay has come this far; `items` is the conversation as it was then, with ids of the caller's choice that
    /// stay the same for the same message.
    case replayAdvanced(ReplayStatus, items: [ConversationItem])
}

/// A conversation from a session file.
package struct OpenedConversation: Equatable, Sendable {
    package var name: String?
    package var items: [ConversationItem]
    package var pictures: [Picture]
    package var systemText: String?
    package var options: GenerationOptions?
    /// Tokens that its context held at the end; nil when unknown.
    package var contextTokens: Int?
    /// The session's numbers of the questions that follow its end, one on each branch.
    package var continuations: [Int]

    package init(
        name: String?, items: [ConversationItem], pictures: [Picture], systemText: String? = nil,
        options: GenerationOptions? = nil, contextTokens: Int? = nil, continuations: [Int] = []
    ) {
        self.name = name
        self.items = items
        self.pictures = pictures
        self.systemText = systemText
        self.options = options
        self.contextTokens = contextTokens
        self.continuations = continuations
    }
}

import Chat
import Generation
import Screen

/// What has to be done outside: returned by `reduce`, run by the event loop's owner.
package enum Effect: Equatable, Sendable {
    /// Read picture files; each answers by `pictureLoaded` or `pictureFailed`, a pattern by `patternExpanded`.
    case loadPictures([PictureRequest])
    /// Draw a picture into at most this many cells; answers by `previewRendered`.
    case renderPreview(number: Int, size: Size, boxes: [NumberedBox] = [])
    /// Draw a clip's frames beside each other; answers by `previewRendered`.
    case renderStrip(number: Int, StripLayout)
    /// Draw a picture into the whole screen, by `size`, or a clip, by `strip`; answers by `viewRendered`.
    case renderView(number: Int, size: Size, strip: StripLayout?, boxes: [NumberedBox] = [])
    /// Find out whether pasted text names pictures and clips; answers by `pasteProbed`.
    case probePaste(PasteProbe)
    /// Add the question to the session and answer it; answers by `generationEventArrived`, or by `contextOverflowed`
    /// before anything is sent.
    case startGeneration(GenerationRequest)
    case examples(ExamplesRequest)
    /// Stop the running answer; its `finished` event still comes.
    case cancelGeneration
    /// Begin an empty session.
    case startNewSession
    /// Open a session by name; answers by `conversationOpened` or `sessionFailed`.
    ///
    /// The draft's pictures keep their numbers.
    case openSession(name: String, draftPictures: Set<Int>)
    /// Show a branch of the session; answers by `branchShown`. The draft's pictures keep their numbers.
    case showBranch(BranchChoice, draftPictures: Set<Int>)
    /// Something about the list of sessions.
    case sessionList(SessionListRequest)
    /// Write the sampling options into the configuration file; answers by `optionsSaved` or `optionsNotSaved`.
    case saveOptions(GenerationOptions)
    /// Write what the model has read to disk; answers by `contextParked` or `contextNotParked`.
    case parkContext
    /// Load another model; answers by `modelLoaded` or `modelChangeFailed`.
    case changeModel(path: String)
    /// Find out what there is to know about the program's surroundings; answers by `diagnosed`.
    case diagnose(screen: Size)
    /// Something was sent that later conversations can bring back.
    case historyAppended(String)
    /// Keep what is being written, in case that the program ends.
    case keepDraft(Draft)
    /// Give the screen up and have the user's own editor change a text; answers by `externallyEdited`.
    case editExternally(String)
    /// Find the files that a path may go on to; answers by `pathsCompleted`.
    case completePath(PathCompletion)
    /// The system text or the sampling options have changed.
    case saveSettings(systemText: String?, GenerationOptions)
    case replay(ReplayCommand)
    /// Draw with the theme of this name or path; answers by `themeChanged` or `themeFailed`.
    case useTheme(String)
    /// Tell which themes there are; answers by `themesListed`.
    case listThemes
    /// Stop the job as Ctrl-Z does.
    case suspend
    /// Send the whole screen again.
    case redraw
    /// Save what is running, restore the terminal, leave.
    case quit
}

/// A picture file to read.
package struct PictureRequest: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case still
        /// A clip, of which so many frames are taken.
        case clip(frames: Int)
        /// `path` is a glob(7) pattern; the file of the name `literal` is meant where nothing matches.
        case pattern(literal: String)
    }

    package let number: Int
    /// With `~` and `file://` resolved; relative paths are the current folder's.
    package let path: String
    package let kind: Kind

    package init(number: Int, path: String, kind: Kind = .still) {
        self.number = number
        self.path = path
        self.kind = kind
    }
}

/// Pasted text that may name files.
package struct PasteProbe: Hashable, Sendable {
    package let id: Int
    /// Ways to read the text as paths, the likeliest first. The first one counts of which every file is a picture or a
    /// clip.
    package let readings: [[String]]

    package init(id: Int, readings: [[String]]) {
        self.id = id
        self.readings = readings
    }
}

/// A file that was found to be a picture or a clip.
package struct FoundMedium: Hashable, Sendable {
    package let path: String
    package let isClip: Bool

    package init(path: String, isClip: Bool) {
        self.path = path
        self.isClip = isClip
    }
}

/// The beginning of a path, of which the rest is wanted.
package struct PathCompletion: Hashable, Sendable {
    package let request: Int
    /// The folder to look in, with `~` resolved; empty is the current one.
    package let folder: String
    /// What the names begin with.
    package let prefix: String

    package init(request: Int, folder: String, prefix: String) {
        self.request = request
        self.folder = folder
        self.prefix = prefix
    }
}

/// A branch of the session.
package enum BranchChoice: Hashable, Sendable {
    /// The one that is shown.
    case current
    /// Up to the message before this one, by the session's numbers.
    case before(Int)
    /// The latest one on which this message is.
    case through(Int)
}

/// Where a question and its answer belong; numbers are the session's.
package enum QuestionOrigin: Hashable, Sendable {
    /// Behind everything else.
    case end
    /// The question stands in the place of this one, on a branch of its own.
    case edited(Int)
    /// The question is this one, and the answer stands beside those that it has.
    case regenerated(question: Int)
    /// The answer goes on with this one, and stands beside it.
    case continued(answer: Int)
}

/// A question and how to answer it.
package struct GenerationRequest: Equatable, Sendable {
    /// What the user said: text and pictures in order.
    package let question: ConversationItem
    /// The item that the answer fills.
    package let answerID: ConversationItem.ID
    package let systemText: String?
    package let options: GenerationOptions
    /// What was chosen when the question had not fitted into the context.
    package let remedy: ContextRemedy?
    package let origin: QuestionOrigin
    /// Numbers of pictures that belong to what is being written.
    package let draftPictures: Set<Int>
    /// Asks for places; the picture is numbered from 1 in the conversation's reading order.
    package let grounding: Answer.Grounding?
    /// Numbers for the pictures that are to be drawn, which the question says how; empty for an answer in words.
    package let drawnNumbers: [Int]

    package init(
        question: ConversationItem, answerID: ConversationItem.ID, systemText: String?, options: GenerationOptions,
        origin: QuestionOrigin = .end, remedy: ContextRemedy? = nil, draftPictures: Set<Int> = [],
        grounding: Answer.Grounding? = nil, drawnNumbers: [Int] = []
    ) {
        self.grounding = grounding
        self.drawnNumbers = drawnNumbers
        self.question = question
        self.answerID = answerID
        self.origin = origin
        self.draftPictures = draftPictures
        self.systemText = systemText
        self.options = options
        self.remedy = remedy
    }
}

/// What a key of the replay bar asks for.
package enum ReplayCommand: Hashable, Sendable {
    case togglePause
    case previousTurn
    case nextTurn
    case faster
    case slower
    /// Go on with the branch through this message of the session, from where it begins.
    case showBranch(through: Int)
    case leave
}

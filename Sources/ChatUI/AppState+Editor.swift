/// What goes on around the editor.
extension AppState {
    /// A command that is waiting for its pictures.
    package struct Attachment: Equatable, Sendable {
        package var numbers: [Int]
        /// The editor before and after the placeholders were put in.
        package var before: Editor
        package var after: Editor
        /// Whether one of the pictures has been read, so that the command did its work in part.
        package var hasLoaded = false
    }

    /// Pasted text of which is being found out whether it names files.
    package struct Paste: Equatable, Sendable {
        package var id: Int
        package var elements: [Editor.Element]
    }

    /// What a completion was asked for.
    package struct CompletionBase: Equatable, Sendable {
        package var editor: Editor
        package var prefix: String
    }

    /// Looking for what was sent before.
    package struct HistorySearch: Equatable, Sendable {
        package var query = ""
        /// The entry that is shown.
        package var index: Int?
        /// Nothing older holds it.
        package var hasFailed = false
        /// What the editor held before.
        package var draft: [Editor.Element]
    }

    /// The command that was entered last and taken out of the editor; it may still fail.
    package struct TakenCommand: Equatable, Sendable {
        package var name: String
        /// The editor's text with and without it, and where the cursor was.
        package var before: [Editor.Element]
        package var after: [Editor.Element]
        package var cursor: Int
    }

    /// A question of the conversation that is in the editor, to be asked otherwise.
    package struct Editing: Equatable, Sendable {
        /// The session's number of the question.
        package var messageID: Int
        /// What the editor held before.
        package var draft: [Editor.Element]
    }
}

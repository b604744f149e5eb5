import Generation
import Screen

/// `/image` and `/video`: placeholders take the command's place at once, and the files are asked for.
enum AttachCommand {
    private static let defaultFrames = 8
    private static let maximumFrames = 64

    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let words = ShellWord.split(invocation.argument)
        guard !words.isEmpty else { throw .noPath(command: "image") }
        let home = state.setting.homeFolder
        let media = words.map { word -> (path: String, shown: String, kind: PictureRequest.Kind) in
            let path = CommandLine.path(word.text, homeFolder: home)
            guard word.isPattern, !word.text.hasPrefix("file:") else { return (path, word.text, .still) }
            return (word.expandedPattern(homeFolder: home), word.text, .pattern(literal: path))
        }
        return attach(media, invocation, &state)
    }

    static func runVideo(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        var paths: [String] = []
        var frames = defaultFrames
        var words = ShellWord.split(invocation.argument).map(\.text)[...]
        while let word = words.popFirst() {
            guard word == "--frames" || word.hasPrefix("--frames=") else {
                paths.append(word)
                continue
            }
            let value = word == "--frames" ? words.popFirst() ?? "" : String(word.dropFirst("--frames=".count))
            guard let count = Int(value), (1...maximumFrames).contains(count) else {
                throw .wrongFrames(value, maximum: maximumFrames)
            }
            frames = count
        }
        guard !paths.isEmpty else { throw .noPath(command: "video") }
        let home = state.setting.homeFolder
        return attach(
            paths.map { (CommandLine.path($0, homeFolder: home), $0, .clip(frames: frames)) }, invocation, &state)
    }

    private static func attach(
        _ media: [(path: String, shown: String, kind: PictureRequest.Kind)], _ invocation: CommandInvocation,
        _ state: inout AppState
    ) -> [Effect] {
        let before = state.editor
        let (elements, requests) = place(media.map { ($0.path, $0.kind) }, &state)
        for (request, medium) in zip(requests, media) { state.pictures[request.number]?.path = medium.shown }
        state.editor.replace(invocation.range, with: elements)
        state.attachments.append(
            AppState.Attachment(numbers: requests.map(\.number), before: before, after: state.editor))
        state.usedHints.insert(.image)
        return [.loadPictures(requests)]
    }

    /// Numbers for files, and the placeholders to put into the editor, each with a space behind it.
    static func place(
        _ media: [(path: String, kind: PictureRequest.Kind)], _ state: inout AppState
    ) -> (elements: [Editor.Element], requests: [PictureRequest]) {
        var elements: [Editor.Element] = []
        var requests: [PictureRequest] = []
        for medium in media {
            let number = state.nextPictureNumber
            state.nextPictureNumber += 1
            let isClip = if case .clip = medium.kind { true } else { false }
            let request = PictureRequest(number: number, path: medium.path, kind: medium.kind)
            state.pictures[number] = Picture(number: number, path: medium.path, isClip: isClip)
            state.pictures[number]?.request = request
            requests.append(request)
            elements += [isClip ? .clip(number) : .picture(number), .character(" ")]
        }
        return (elements, requests)
    }

    static func kind(_ found: FoundMedium) -> PictureRequest.Kind {
        found.isClip ? .clip(frames: defaultFrames) : .still
    }
}

import Generation
import Pixels

/// The prompt that a branch stands for, and where each part of it comes from.
package struct BranchPrompt: Sendable, Equatable {
    package let prompt: Prompt
    /// The session's number of each of the prompt's messages.
    package let messageIDs: [Int]
    /// For each picture and clip of the prompt its number in the branch, from 1 in reading order.
    package let mediaNumbers: [Int]
    /// What the prompt leaves out of the branch.
    package let dropped: Answer.Dropped?

    /// The same prompt with the beginning of its answer, which the model goes on with.
    package func continuing<Failure: Error>(
        _ beginning: AnswerBeginning, picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> BranchPrompt {
        var prompt = prompt
        prompt.messages.append(try beginning.promptMessage(picture: picture))
        return BranchPrompt(prompt: prompt, messageIDs: messageIDs, mediaNumbers: mediaNumbers, dropped: dropped)
    }

    /// The same prompt for an answer that says where things are.
    package func askingForBoxes() -> BranchPrompt {
        var prompt = prompt
        prompt.asksForBoxes = true
        return BranchPrompt(prompt: prompt, messageIDs: messageIDs, mediaNumbers: mediaNumbers, dropped: dropped)
    }

    /// A start with the branch's numbers for the pictures that the model could not see, not the prompt's own.
    package func numbered(_ start: GenerationStart) -> GenerationStart {
        var start = start
        start.unseenMedia = start.unseenMedia.compactMap { number in
            mediaNumbers.indices.contains(number - 1) ? mediaNumbers[number - 1] : nil
        }
        return start
    }
}

extension Session {
    /// The prompt that a branch stands for: its messages with words and pictures in their order.
    ///
    /// Of several system messages the last one counts, and stands first; an empty one takes the system text away.
    /// Messages without any content, such as an answer that was stopped before its first token, are left out. What an
    /// answer of the branch was asked without stays left out.
    /// - Parameters:
    ///   - leaf: the branch's last message; the one that is shown when nil.
    ///   - picture: gives a stored picture's pixels; called once per picture that is sent, in reading order.
    package func prompt<Failure: Error>(
        to leaf: Int? = nil, picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> Prompt {
        try branchPrompt(to: leaf, dropping: dropped(before: leaf), picture: picture).prompt
    }

    /// What was left out when the branch's last answer was asked for, and still is; nil when nothing was.
    package func dropped(before leaf: Int? = nil) -> Answer.Dropped? {
        branch(to: leaf ?? activeLeaf).last { $0.answer != nil }?.answer?.dropped
    }

    /// The prompt of a branch without what is to be left out of it. To ask an answer's question again as it was asked
    /// then, go to the answer's parent and drop what the answer says.
    package func branchPrompt<Failure: Error>(
        to leaf: Int? = nil, dropping dropped: Answer.Dropped?, picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> BranchPrompt {
        let branch = branch(to: leaf ?? activeLeaf)
        let cut = BranchCut(branch, dropped)
        let system = branch.indices.last { branch[$0].role == .system }
        let order = [system].compactMap(\.self) + branch.indices.filter { branch[$0].role != .system }
        var messages = [PromptMessage]()
        var messageIDs = [Int]()
        var mediaNumbers = [Int]()
        var mediaCount = 0
        for index in order {
            let message = branch[index]
            let numbers = mediaCount + 1..<mediaCount + 1 + message.mediaCount
            mediaCount += message.mediaCount
            let isSystem = message.role == .system
            guard isSystem || index >= cut.firstMessage else { continue }
            let keepsMedia = isSystem || index >= cut.firstWithMedia
            let parts = try message.promptParts(withMedia: keepsMedia, picture: picture)
            // A question that was nothing but pictures stays, so that questions and answers still alternate.
            guard !parts.isEmpty || !keepsMedia && message.mediaCount > 0 else { continue }
            // The ids that were generated keep what a cache holds of the answer usable.
            messages.append(
                PromptMessage(
                    role: message.role, parts: parts, tokens: message.answer?.tokenIDs,
                    isGrounded: message.answer?.grounding != nil))
            messageIDs.append(message.id)
            if keepsMedia { mediaNumbers += numbers }
        }
        return BranchPrompt(
            prompt: Prompt(messages: messages), messageIDs: messageIDs, mediaNumbers: mediaNumbers, dropped: dropped)
    }

    /// What is left out of a branch when more is left out of its prompt.
    package func dropped(adding omission: PromptOmission, to asked: BranchPrompt, leaf: Int? = nil) -> Answer.Dropped? {
        let turns = asked.prompt.turns.dropLast()
        func lastMessage(ofTurns count: Int) -> Int? {
            turns.prefix(count).last.map { asked.messageIDs[$0.upperBound - 1] }
        }
        let branch = branch(to: leaf ?? activeLeaf)
        let cut = BranchCut(
            branch,
            Answer.Dropped(
                turns: 0, lastMessage: lastMessage(ofTurns: omission.turns) ?? asked.dropped?.lastMessage, pictures: 0,
                lastPictureMessage: lastMessage(ofTurns: omission.turnsWithoutMedia)
                    ?? asked.dropped?.lastPictureMessage))
        return cut.dropped
    }
}

/// Where a branch's prompt begins.
private struct BranchCut {
    private let branch: [Message]
    /// Index of the first message that is sent.
    let firstMessage: Int
    /// Index of the first message whose pictures are sent.
    let firstWithMedia: Int

    /// A message that is not on the branch leaves nothing out.
    init(_ branch: [Message], _ dropped: Answer.Dropped?) {
        func end(_ id: Int?) -> Int { id.flatMap { id in branch.firstIndex { $0.id == id } }.map { $0 + 1 } ?? 0 }
        self.branch = branch
        firstMessage = end(dropped?.lastMessage)
        firstWithMedia = max(firstMessage, end(dropped?.lastPictureMessage))
    }

    /// The cut as an answer records it; nil when nothing is left out.
    var dropped: Answer.Dropped? {
        guard firstWithMedia > 0 else { return nil }
        let sent = branch[..<firstMessage].filter { $0.role != .system && !$0.isEmpty }
        // What stands before the first question belongs to its turn.
        let turns = sent.isEmpty ? 0 : sent.dropFirst().count { $0.role == .user } + 1
        let pictures = branch[firstMessage..<firstWithMedia].filter { $0.role != .system }
            .reduce(0) { $0 + $1.mediaCount }
        return Answer.Dropped(
            turns: turns, lastMessage: firstMessage > 0 ? branch[firstMessage - 1].id : nil,
            pictures: pictures, lastPictureMessage: pictures > 0 ? branch[firstWithMedia - 1].id : nil)
    }
}

extension Message {
    /// Pictures and clips that a prompt can have of the message.
    fileprivate var mediaCount: Int {
        parts.count { part in
            switch part.content {
            case .text: false
            case .image: true
            case .predicted(let picture): picture.image != nil
            case .video(let video): !video.frames.isEmpty
            }
        }
    }

    fileprivate var isEmpty: Bool { mediaCount == 0 && text.isEmpty }

    /// The message's parts as a prompt has them; empty texts are left out.
    package func promptParts<Failure: Error>(
        withMedia: Bool = true, picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> [PromptPart] {
        var result = [PromptPart]()
        for part in parts {
            switch part.content {
            case .text(let text):
                if !text.isEmpty { result.append(.text(text)) }
            case .image(let image):
                if withMedia { result.append(.image(try picture(image.file))) }
            case .predicted(let predicted):
                guard withMedia else { continue }
                let image = try predicted.image.map { image throws(Failure) in try picture(image.file) }
                if let context = predicted.context {
                    result.append(.predicted(PredictedImage(image: image, context: context)))
                } else if let image {
                    result.append(.image(image))
                }
            // One whose embeddings are not all there is nothing that the model has said.
            case .video(let video):
                guard withMedia else { continue }
                var frames = [VideoFrame]()
                for frame in video.frames {
                    frames.append(VideoFrame(image: try picture(frame.file), seconds: frame.seconds))
                }
                if !frames.isEmpty { result.append(.video(frames)) }
            }
        }
        return result
    }
}

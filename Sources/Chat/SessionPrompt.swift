import Generation
import Pixels

extension Session {
    /// The prompt that a branch stands for: its messages with words and pictures in their order.
    ///
    /// Messages without any content, such as an answer that was stopped before its first token, are left out.
    /// - Parameters:
    ///   - leaf: the branch's last message; the one that is shown when nil.
    ///   - picture: gives a stored picture's pixels; called once per picture, in reading order.
    package func prompt<Failure: Error>(
        to leaf: Int? = nil, picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> Prompt {
        var messages = [PromptMessage]()
        for message in branch(to: leaf ?? activeLeaf) {
            let parts = try message.promptParts(picture: picture)
            if !parts.isEmpty { messages.append(PromptMessage(role: message.role, parts: parts)) }
        }
        return Prompt(messages: messages)
    }
}

extension Message {
    /// The message's parts as a prompt has them; empty texts are left out.
    package func promptParts<Failure: Error>(
        picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> [PromptPart] {
        var result = [PromptPart]()
        for part in parts {
            switch part.content {
            case .text(let text):
                if !text.isEmpty { result.append(.text(text)) }
            case .image(let image):
                result.append(.image(try picture(image.file)))
            case .video(let video):
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

import Generation

/// One piece of a rendered conversation.
enum TemplateSegment: Sendable, Equatable {
    /// The template's own words: special tokens spelt in them are meant.
    case markup(String)
    /// The parts of a message, and how much of their white space the family takes off at both ends.
    case content(PromptMessage, trimmed: Bool)
    /// An assistant's message: its known ids stand for its text.
    case answer(PromptMessage, trimmed: Bool)
    /// The BOS or EOS token.
    case bos
    case eos
    /// The place where an answer begins: it is encoded on its own, so that what stands before it has the same ids
    /// whether or not the answer is known.
    case seam
}

extension ChatTemplate {
    /// Renders messages up to where the model goes on: behind the last message when it is the assistant's, behind the
    /// opening of an answer otherwise.
    func render(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var messages = messages
        if let defaultSystem, messages.first?.role != .system {
            messages.insert(PromptMessage(role: .system, text: defaultSystem), at: 0)
        }
        switch family {
        case .chatML: return renderChatML(messages)
        case .llama2: return renderLlama2(messages)
        case .llama3: return renderLlama3(messages)
        case .vicuna: return renderVicuna(messages)
        case .zephyr: return renderZephyr(messages)
        case .gemma: return renderGemma(messages)
        }
    }

    /// Source: `chat_markup_language.md` of OpenAI, and the templates of SmolLM2 and Qwen2.
    private func renderChatML(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: false) { role in
            (opening: [.markup("<|im_start|>\(role.rawValue)\n")], closing: [.markup("<|im_end|>\n")])
        }
    }

    /// Source: "Model Cards and Prompt Formats" of Llama 3.
    private func renderLlama3(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: true) { role in
            (
                opening: [.markup("<|start_header_id|>\(role.rawValue)<|end_header_id|>\n\n")],
                closing: [.markup("<|eot_id|>")]
            )
        }
    }

    /// Source: the template of zephyr-7b-beta.
    private func renderZephyr(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: false) { role in
            (opening: [.markup("<|\(role.rawValue)|>\n")], closing: [.eos, .markup("\n")])
        }
    }

    /// Source: "Gemma formatting and system instructions"; the system's words open the first turn of the user.
    private func renderGemma(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(joiningSystem(messages, separator: "\n\n"), trimmed: true) { role in
            let name = role == .assistant ? "model" : "user"
            return (opening: [.markup("<start_of_turn>\(name)\n")], closing: [.markup("<end_of_turn>\n")])
        }
    }

    /// Source: `generation.py` of Llama 2 and the template of Llama-2-7b-chat-hf.
    private func renderLlama2(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        var system: PromptMessage?
        for (index, message) in messages.enumerated() {
            switch message.role {
            case .system: system = message
            case .user:
                segments += [.bos, .markup("[INST] ")]
                if let words = system {
                    segments += [
                        .markup("<<SYS>>\n"), .content(words, trimmed: false), .markup("\n<</SYS>>\n\n"),
                    ]
                    system = nil
                }
                segments += [.content(message, trimmed: true), .markup(" [/INST]")]
            case .assistant:
                // The space before an answer is part of what the model generates.
                segments += [.seam, .answer(message, trimmed: true)]
                if index < messages.count - 1 { segments += [.markup(" "), .eos] }
            }
        }
        if messages.last?.role != .assistant { segments.append(.seam) }
        return segments
    }

    /// Source: the conversation template `vicuna_v1.1` of FastChat.
    private func renderVicuna(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (index, message) in messages.enumerated() {
            switch message.role {
            case .system: segments += [.content(message, trimmed: false), .markup(" ")]
            case .user: segments += [.markup("USER: "), .content(message, trimmed: false), .markup(" ")]
            case .assistant:
                segments += [.markup("ASSISTANT:"), .seam, .answer(message, trimmed: false)]
                if index < messages.count - 1 { segments.append(.eos) }
            }
        }
        if messages.last?.role != .assistant { segments += [.markup("ASSISTANT:"), .seam] }
        return segments
    }

    /// Messages in like frames, one after another.
    private func turns(
        _ messages: [PromptMessage], trimmed: Bool,
        frame: (Role) -> (opening: [TemplateSegment], closing: [TemplateSegment])
    ) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (index, message) in messages.enumerated() {
            let (opening, closing) = frame(message.role)
            segments += opening
            if message.role == .assistant {
                segments += [.seam, .answer(message, trimmed: trimmed)]
            } else {
                segments.append(.content(message, trimmed: trimmed))
            }
            if message.role != .assistant || index < messages.count - 1 { segments += closing }
        }
        if messages.last?.role != .assistant { segments += frame(.assistant).opening + [.seam] }
        return segments
    }

    /// Puts what the system says at the head of the user's next message, for families that know no such role.
    private func joiningSystem(_ messages: [PromptMessage], separator: String) -> [PromptMessage] {
        var result = [PromptMessage]()
        var words = [PromptPart]()
        for message in messages {
            switch message.role {
            case .system: words += message.parts + [.text(separator)]
            case .user:
                result.append(PromptMessage(role: .user, parts: words + message.parts))
                words = []
            case .assistant: result.append(message)
            }
        }
        if !words.isEmpty { result.append(PromptMessage(role: .user, parts: words)) }
        return result
    }
}

import Generation

/// One piece of a rendered conversation.
enum TemplateSegment: Sendable, Equatable {
    /// The template's own words: special tokens spelt in them are meant.
    case markup(String)
    /// The parts of a message, and where the family takes off white space.
    case content(PromptMessage, trimmed: ContentTrimming)
    /// An assistant's message. Its known ids stand for its text; `prefix` is what models write before it, and is part
    /// of those ids.
    case answer(PromptMessage, prefix: String, trimmed: ContentTrimming)
    /// The BOS or EOS token.
    case bos
    case eos
    /// The place where an answer begins: it is encoded on its own, so that what stands before it has the same ids
    /// whether or not the answer is known.
    case seam
}

/// At which ends of a message white space is taken off.
enum ContentTrimming: Sendable {
    case none, end, both
}

extension ChatTemplate {
    /// Renders messages up to where the model goes on: behind the last message when it is the assistant's, behind the
    /// opening of an answer otherwise. `asksForBoxes` wants an answer that says where things are, from families that can.
    func render(_ messages: [PromptMessage], asksForBoxes: Bool = false) -> [TemplateSegment] {
        var messages = messages
        if let defaultSystem, messages.first?.role != .system {
            messages.insert(PromptMessage(role: .system, text: defaultSystem), at: 0)
        }
        let opening: [TemplateSegment] = writesBOS ? [.bos] : []
        return opening + renderFamily(messages, asksForBoxes)
    }

    private func renderFamily(_ messages: [PromptMessage], _ asksForBoxes: Bool) -> [TemplateSegment] {
        switch family {
        case .chatML: return renderChatML(messages)
        case .llama2: return renderLlama2(messages)
        case .llama3: return renderLlama3(messages)
        case .vicuna: return renderVicuna(messages)
        case .zephyr: return renderZephyr(messages)
        case .gemma: return renderGemma(messages)
        case .emu2: return renderEmu2(messages, asksForBoxes: asksForBoxes)
        }
    }

    /// Source: `chat_markup_language.md` of OpenAI, and the templates of SmolLM2 and Qwen2.
    private func renderChatML(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: .none) { role in
            (opening: [.markup("<|im_start|>\(role.rawValue)\n")], closing: [.markup("<|im_end|>\n")])
        }
    }

    /// Source: "Model Cards and Prompt Formats" of Llama 3.
    private func renderLlama3(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: .both) { role in
            (
                opening: [.markup("<|start_header_id|>\(role.rawValue)<|end_header_id|>\n\n")],
                closing: [.markup("<|eot_id|>")]
            )
        }
    }

    /// Source: the template of zephyr-7b-beta.
    private func renderZephyr(_ messages: [PromptMessage]) -> [TemplateSegment] {
        turns(messages, trimmed: .none) { role in
            (opening: [.markup("<|\(role.rawValue)|>\n")], closing: [.eos, .markup("\n")])
        }
    }

    /// Source: "Gemma formatting and system instructions", and the template of gemma-3-1b-it.
    private func renderGemma(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (words, message) in joiningSystem(messages) {
            if message.role == .assistant {
                segments += [.markup("<start_of_turn>model\n"), .seam, .answer(message, prefix: "", trimmed: .both)]
            } else {
                segments.append(.markup("<start_of_turn>user\n"))
                for word in words { segments += [.content(word, trimmed: .none), .markup("\n\n")] }
                segments.append(.content(message, trimmed: .both))
            }
            segments.append(.markup("<end_of_turn>\n"))
        }
        if messages.last?.role == .assistant {
            segments.removeLast()
        } else {
            segments += [.markup("<start_of_turn>model\n"), .seam]
        }
        return segments
    }

    /// Source: `generation.py` of Llama 2 and the template of Llama-2-7b-chat-hf.
    private func renderLlama2(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (words, message) in joiningSystem(messages) {
            if message.role == .assistant {
                segments += [.seam, .answer(message, prefix: " ", trimmed: .both), .markup(" "), .eos]
                continue
            }
            if !(segments.isEmpty && writesBOS) { segments.append(.bos) }
            segments.append(.markup("[INST] "))
            if !words.isEmpty {
                segments.append(.markup("<<SYS>>\n"))
                for (index, word) in words.enumerated() {
                    if index > 0 { segments.append(.markup("\n")) }
                    segments.append(.content(word, trimmed: .none))
                }
                segments.append(.markup("\n<</SYS>>\n\n"))
            }
            segments += [.content(message, trimmed: words.isEmpty ? .both : .end), .markup(" [/INST]")]
        }
        if messages.last?.role == .assistant { segments.removeLast(2) } else { segments.append(.seam) }
        return segments
    }

    /// Source: the conversation template `vicuna_v1.1` of FastChat.
    private func renderVicuna(_ messages: [PromptMessage]) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (index, message) in messages.enumerated() {
            switch message.role {
            case .system: segments += [.content(message, trimmed: .none), .markup(" ")]
            case .user: segments += [.markup("USER: "), .content(message, trimmed: .none), .markup(" ")]
            case .assistant:
                segments += [.markup("ASSISTANT:"), .seam, .answer(message, prefix: " ", trimmed: .none)]
                if index < messages.count - 1 { segments.append(.eos) }
            }
        }
        if messages.last?.role != .assistant { segments += [.markup("ASSISTANT:"), .seam] }
        return segments
    }

    /// Source: `_prepare_chat_inputs` in `chat.py` of the Emu2 release. Neighbours of one role are one message there.
    private func renderEmu2(_ messages: [PromptMessage], asksForBoxes: Bool) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        if messages.first?.role != .system {
            segments.append(.markup(asksForBoxes ? Self.emu2Concise : Self.emu2Detailed))
        }
        var speaker: Role?
        for (index, message) in messages.enumerated() {
            switch message.role {
            case .system:
                segments.append(.content(message, trimmed: .none))
                continue
            case .user:
                if speaker == .assistant {
                    segments += [.eos, .markup("[USER]: ")]
                } else if speaker == nil {
                    segments.append(.markup(" [USER]: "))
                }
                segments.append(.content(message, trimmed: .none))
            case .assistant:
                if speaker != .assistant {
                    segments.append(.markup(" [ASSISTANT]:"))
                    // An answer that goes on is asked for as it was.
                    if asksForBoxes, index == messages.count - 1 { segments.append(.markup("<grounding>")) }
                    segments.append(.seam)
                }
                let prefix = speaker == .assistant ? "" : " "
                segments.append(.answer(message, prefix: prefix, trimmed: .none))
            }
            speaker = message.role
        }
        if speaker != .assistant {
            segments.append(.markup(" [ASSISTANT]:"))
            if asksForBoxes { segments.append(.markup("<grounding>")) }
            segments.append(.seam)
        }
        return segments
    }

    /// Messages in like frames, one after another.
    private func turns(
        _ messages: [PromptMessage], trimmed: ContentTrimming,
        frame: (Role) -> (opening: [TemplateSegment], closing: [TemplateSegment])
    ) -> [TemplateSegment] {
        var segments = [TemplateSegment]()
        for (index, message) in messages.enumerated() {
            let (opening, closing) = frame(message.role)
            segments += opening
            if message.role == .assistant {
                segments += [.seam, .answer(message, prefix: "", trimmed: trimmed)]
            } else {
                segments.append(.content(message, trimmed: trimmed))
            }
            if message.role != .assistant || index < messages.count - 1 { segments += closing }
        }
        if messages.last?.role != .assistant { segments += frame(.assistant).opening + [.seam] }
        return segments
    }

    /// Gives what the system says to the message of the user behind it, for families that know no such role.
    private func joiningSystem(_ messages: [PromptMessage]) -> [(system: [PromptMessage], message: PromptMessage)] {
        var result = [(system: [PromptMessage], message: PromptMessage)]()
        var words = [PromptMessage]()
        for message in messages {
            switch message.role {
            case .system: words.append(message)
            case .user:
                result.append((words, message))
                words = []
            case .assistant:
                if !words.isEmpty { result.append((words, PromptMessage(role: .user, parts: []))) }
                words = []
                result.append(([], message))
            }
        }
        if !words.isEmpty { result.append((words, PromptMessage(role: .user, parts: []))) }
        return result
    }
}

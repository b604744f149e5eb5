import ModelFiles

/// How a conversation becomes the text that a model was trained on.
///
/// Files carry their template as a Jinja program. It is not run: the family it belongs to is recognised by its marks,
/// and each family is rendered by code of its own (`ChatTemplate+Rendering.swift`).
package struct ChatTemplate: Sendable, Equatable {
    /// The families that can be rendered. Raw values are the names to show and to choose by.
    package enum Family: String, Sendable, CaseIterable {
        case chatML = "chatml"
        case llama2 = "llama2"
        case llama3 = "llama3"
        case vicuna = "vicuna"
        case zephyr = "zephyr"
        case gemma = "gemma"
        case emu2 = "emu2"
    }

    package let family: Family
    /// What the system says when the conversation has no message of its own; nil for nothing.
    package let defaultSystem: String?

    /// Whether the template itself writes the BOS token, whatever the tokenizer does.
    package let writesBOS: Bool

    package init(family: Family, defaultSystem: String? = nil, writesBOS: Bool = false) {
        self.family = family
        self.defaultSystem = defaultSystem
        self.writesBOS = writesBOS
    }

    /// The name to show and to choose by, such as `chatml`.
    package var name: String { family.rawValue }

    /// The template of this name. The file's own default system message is kept where it is of the same family.
    package static func named(_ name: String, for file: GGUFFile? = nil) throws(TokenizerError) -> ChatTemplate {
        guard let family = Family(rawValue: name.lowercased()) else { throw .noSuchTemplate(name: name) }
        if let file, let own = try? recognised(in: file), own.family == family { return own }
        return ChatTemplate(family: family, defaultSystem: family == .vicuna ? vicunaSystem : nil)
    }

    /// The template that a file asks for: by `tokenizer.chat_template`, or without one by the vocabulary's turn tokens.
    ///
    /// Nil when the file has no sign of any, as base models do not; an error when its template is of no known family.
    package static func recognised(in file: GGUFFile) throws(TokenizerError) -> ChatTemplate? {
        let key = "tokenizer.chat_template"
        guard file.contains(key) else { return recognisedByTokens(of: file) }
        let source = try TokenizerError.reading { () throws(ModelFileError) in try file.string(key) }
        guard let template = recognised(source: source) else { throw .unknownTemplate(path: file.path) }
        return template
    }

    /// The template that a Jinja program is of; nil for an unknown one.
    package static func recognised(source: String) -> ChatTemplate? {
        guard let family = family(of: source) else { return nil }
        let system: String? =
            switch family {
            case .chatML: literal(in: source, between: "<|im_start|>system\n", and: "<|im_end|>")
            case .llama2: literal(in: source, between: "<<SYS>>\n", and: "\n<</SYS>>")
            case .zephyr:
                literal(in: source, between: "<|system|>\n", and: "</s>")
                    ?? literal(in: source, between: "<|system|>\n", and: "<|endoftext|>")
            case .vicuna: source.contains(vicunaSystem) ? vicunaSystem : nil
            case .llama3, .gemma, .emu2: nil
            }
        return ChatTemplate(family: family, defaultSystem: system, writesBOS: source.contains("bos_token"))
    }

    private static func family(of source: String) -> Family? {
        func has(_ mark: String) -> Bool { source.contains(mark) }
        if has("<|im_start|>") { return .chatML }
        if has("<|start_header_id|>") { return .llama3 }
        if has("<start_of_turn>") { return .gemma }
        // Mistral has the same marks, but neither a system message nor the same spaces.
        if has("[INST]"), has("<<SYS>>") { return .llama2 }
        // Phi-3 has the same role marks, but ends turns by a token of its own.
        if has("<|user|>"), has("<|assistant|>"), !has("<|end|>"),
            has("eos_token") || has("</s>") || has("<|endoftext|>")
        {
            return .zephyr
        }
        if has("USER:"), has("ASSISTANT:") { return .vicuna }
        return nil
    }

    /// Whether its models can say where in a picture things are.
    package var givesBoxes: Bool { family == .emu2 }

    /// System messages that a family was trained with, by the names to choose them by; the first is the default.
    package var systemMessages: [(name: String, text: String)] {
        switch family {
        case .emu2: [("detailed", Self.emu2Detailed), ("concise", Self.emu2Concise)]
        case .chatML, .llama2, .llama3, .vicuna, .zephyr, .gemma:
            defaultSystem.map { [("default", $0)] } ?? []
        }
    }

    /// Emu2's messages; the concise one also asks for boxes. Source: `constants.py` of the Emu2 release.
    static let emu2Detailed =
        "You are a helpful assistant, dedicated to delivering comprehensive and meticulous responses."
    static let emu2Concise = "You are a helpful assistant, dedicated to provide concise and efficient answers."

    private static func recognisedByTokens(of file: GGUFFile) -> ChatTemplate? {
        guard let tokens = try? file.stringList("tokenizer.ggml.tokens").joined() else { return nil }
        let table = ByteTable(bytes: tokens.bytes, ends: tokens.ends) { _ in true }
        let marks: [(String, Family)] = [
            ("<|im_start|>", .chatML), ("<|start_header_id|>", .llama3), ("<start_of_turn>", .gemma),
            ("[ASSISTANT]", .emu2),
        ]
        return marks.first { table.id(of: $0.0) != nil }.map { ChatTemplate(family: $0.1) }
    }

    /// The system message of Vicuna 1.1, part of the format as FastChat defines it.
    static let vicunaSystem =
        "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions."

    /// The text between two marks where a template has both inside one literal.
    private static func literal(in source: String, between opening: String, and closing: String) -> String? {
        for literal in JinjaLiterals.all(in: source) {
            guard let start = literal.firstRange(of: opening) else { continue }
            let rest = literal[start.upperBound...]
            guard let end = rest.firstRange(of: closing), end.lowerBound > rest.startIndex else { continue }
            return String(rest[..<end.lowerBound])
        }
        return nil
    }
}

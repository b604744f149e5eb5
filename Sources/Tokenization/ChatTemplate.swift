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
    }

    package let family: Family
    /// What the system says when the conversation has no message of its own; nil for nothing.
    package let defaultSystem: String?

    package init(family: Family, defaultSystem: String? = nil) {
        self.family = family
        self.defaultSystem = defaultSystem
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
        func has(_ mark: String) -> Bool { source.contains(mark) }
        if has("<|im_start|>") {
            return ChatTemplate(
                family: .chatML, defaultSystem: literal(in: source, between: "<|im_start|>system\n", and: "<|im_end|>"))
        }
        if has("<|start_header_id|>"), has("<|eot_id|>") || has("<|end_header_id|>") {
            return ChatTemplate(family: .llama3)
        }
        if has("<start_of_turn>") { return ChatTemplate(family: .gemma) }
        if has("[INST]"), has("<<SYS>>") {
            return ChatTemplate(
                family: .llama2, defaultSystem: literal(in: source, between: "<<SYS>>\n", and: "\n<</SYS>>"))
        }
        // Phi-3 has the same role marks, but ends turns by a token of its own.
        if has("<|user|>"), has("<|assistant|>"), !has("<|end|>"),
            has("eos_token") || has("</s>") || has("<|endoftext|>")
        {
            return ChatTemplate(
                family: .zephyr,
                defaultSystem: literal(in: source, between: "<|system|>\n", and: "</s>")
                    ?? literal(in: source, between: "<|system|>\n", and: "<|endoftext|>"))
        }
        if has("USER:"), has("ASSISTANT:") {
            return ChatTemplate(family: .vicuna, defaultSystem: has(vicunaSystem) ? vicunaSystem : nil)
        }
        return nil
    }

    private static func recognisedByTokens(of file: GGUFFile) -> ChatTemplate? {
        guard let tokens = try? file.stringList("tokenizer.ggml.tokens").joined() else { return nil }
        let table = ByteTable(bytes: tokens.bytes, ends: tokens.ends) { _ in true }
        let marks: [(String, Family)] = [
            ("<|im_start|>", .chatML), ("<|start_header_id|>", .llama3), ("<start_of_turn>", .gemma),
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

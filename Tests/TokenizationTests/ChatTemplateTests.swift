import Foundation
import Generation
import ModelFiles
import TestSupport
import Testing
import Tokenization

/// Conversations rendered by the published templates; see `Reference/record_templates.py`.
struct RecordedTemplate: Decodable {
    struct Message: Decodable {
        var role: Role
        var content: String
    }

    var family: String
    var template: String
    var bos: String
    var eos: String
    var messages: [Message]
    var text: String

    static func all() throws -> [RecordedTemplate] {
        try JSONDecoder().decode(
            [RecordedTemplate].self, from: Data(contentsOf: TestSupport.fixture("TokenizationTests", "templates.json")))
    }

    static let control = [
        "<s>", "</s>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>",
    ]

    var vocabulary: GGUFBuilder {
        SmallVocabulary.byteLevel(
            control: RecordedTemplate.control, bos: bos.isEmpty ? nil : bos, eos: eos, addsBOS: false,
            template: template
        )
    }
}

@Suite struct ChatTemplates {
    @Test func renderLikeThePublishedOnes() throws {
        let cases = try RecordedTemplate.all()
        // Emu2's was published as code; Emu2PromptTests has what that code gives.
        let families = ChatTemplate.Family.allCases.filter { $0 != .emu2 }
        #expect(Set(cases.map(\.family)) == Set(families.map(\.rawValue)))
        for recorded in cases {
            try recorded.vocabulary.withFile { path in
                let file = try GGUFFile(path: path)
                let tokenizer = try makeTokenizer(from: file)
                let template = try #require(try ChatTemplate.recognised(in: file))
                #expect(template.name == recorded.family)
                let prompt = Prompt(messages: recorded.messages.map { PromptMessage(role: $0.role, text: $0.content) })
                let built = PromptBuilder(tokenizer: tokenizer, template: template).build(prompt)
                let text = String(decoding: try tokenizer.decode(built.tokens), as: UTF8.self)
                #expect(text == recorded.text)
                #expect(built.tokenCount == built.tokens.count)
            }
        }
    }

    @Test func theSystemMessageComesFromTheFile() throws {
        let systems = try RecordedTemplate.all().filter { $0.family == "chatml" }
            .map { ChatTemplate.recognised(source: $0.template)?.defaultSystem }
        #expect(systems.contains("You are a helpful AI assistant named SmolLM, trained by Hugging Face"))
        #expect(systems.contains("You are a helpful assistant."))
        #expect(systems.contains(nil))
        let escaped = #"{{- '<|im_start|>system\nIt\'s "me" \\ you.<|im_end|>\n' }}"#
        #expect(ChatTemplate.recognised(source: escaped)?.defaultSystem == #"It's "me" \ you."#)
        let outside = "{% if x %}<|im_start|>system\nOutside.<|im_end|>\n{% endif %}"
        #expect(ChatTemplate.recognised(source: outside)?.defaultSystem == "Outside.")
        // Put together at run time: no literal.
        let computed = "{{ '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>' }}"
        #expect(ChatTemplate.recognised(source: computed) == ChatTemplate(family: .chatML))
    }

    @Test func unknownTemplatesAreErrorsAndNamesChoose() throws {
        let mistral = "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% endfor %}"
        try SmallVocabulary.byteLevel(template: mistral).withFile { path in
            let file = try GGUFFile(path: path)
            #expect(throws: TokenizerError.unknownTemplate(path: path)) { try ChatTemplate.recognised(in: file) }
            #expect(try ChatTemplate.named("Zephyr", for: file).family == .zephyr)
            #expect(throws: TokenizerError.noSuchTemplate(name: "nope")) { try ChatTemplate.named("nope", for: file) }
        }
        try SmallVocabulary.byteLevel().withFile { path in
            let file = try GGUFFile(path: path)
            #expect(try ChatTemplate.recognised(in: file) == nil)
        }
        try SmallVocabulary.byteLevel(control: ["<|im_start|>", "<|im_end|>"]).withFile { path in
            let file = try GGUFFile(path: path)
            #expect(try ChatTemplate.recognised(in: file)?.family == .chatML)
        }
        let phi = "{{ '<|user|>\n' + m + '<|end|>\n<|assistant|>\n' + eos_token }}"
        #expect(ChatTemplate.recognised(source: phi) == nil)
    }

    @Test func aNamedTemplateKeepsTheFilesSystemMessage() throws {
        let recorded = try #require(try RecordedTemplate.all().first { $0.family == "chatml" })
        try recorded.vocabulary.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(try ChatTemplate.named("chatml", for: file) == ChatTemplate.recognised(in: file))
            #expect(try ChatTemplate.named("llama3", for: file) == ChatTemplate(family: .llama3))
        }
    }

    @Test(arguments: [
        "{{", "{%", "{{ '", "{{ '\\", "{# '", "{", "'", "<|im_start|>system\n<|im_end|>", "{{ '<|im_start|>",
    ])
    func brokenTemplatesDoNotTrap(source: String) {
        _ = ChatTemplate.recognised(source: source + "<|im_start|>")
    }
}

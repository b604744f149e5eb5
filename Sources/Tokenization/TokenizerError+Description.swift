import ModelFiles

extension TokenizerError: CustomStringConvertible {
    /// One line for people: the file, what was expected, what was found, and the remedy.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .unknownModel(let path, let found):
            "\(shown(path)): tokenizer.ggml.model: expected \(list(["gpt2", "llama"])), found \(shown(found)). "
                + "Use a model with one of these tokenizers."
        case .unknownPreTokenizer(let path, let found):
            "\(shown(path)): tokenizer.ggml.pre: expected \(list(PreTokenizer.names)), found \(shown(found)). "
                + "Use a model with one of these pre-tokenizers."
        case .wrongCount(let path, let key, let expected, let found):
            "\(shown(path)): \(key): expected \(expected) elements, one per token, found \(found). "
                + "Convert the model again."
        case .emptyVocabulary(let path):
            "\(shown(path)): tokenizer.ggml.tokens: expected a vocabulary, found no token. Convert the model again."
        case .idOutOfRange(let path, let key, let found, let size):
            "\(shown(path)): \(key): expected an id below \(size), found \(found). Convert the model again."
        case .badMerge(let path, let index, let found):
            "\(shown(path)): tokenizer.ggml.merges[\(index)]: expected two tokens whose join is a token, "
                + "found \(shown(found)). Convert the model again."
        case .badValue(let path, let key, let index, let found):
            "\(shown(path)): \(key)[\(index)]: found \(shown(found)), which the format does not allow. "
                + "Convert the model again."
        case .unknownTemplate(let path):
            "\(shown(path)): tokenizer.chat_template: expected one of the families "
                + "\(list(ChatTemplate.Family.allCases.map(\.rawValue))), found another. Name the nearest with --template."
        case .noSuchTemplate(let name):
            "\(shown(name)): no such chat template; there are \(list(ChatTemplate.Family.allCases.map(\.rawValue))). "
                + "Name one of them."
        case .unknownID(let id, let position, let size):
            "id \(id) at position \(position + 1): expected an id from 0 to \(size - 1). Check the ids."
        }
    }
}

private func list(_ names: [String]) -> String {
    names.joined(separator: ", ")
}

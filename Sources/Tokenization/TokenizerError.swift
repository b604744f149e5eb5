import ModelFiles

/// Why a file's tokenizer or chat template cannot be used; the wording is in `TokenizerError+Description.swift`.
package enum TokenizerError: Error, Sendable, Equatable {
    /// A key is missing, damaged or of the wrong type.
    case file(ModelFileError)
    /// `tokenizer.ggml.model` names a kind that does not exist here.
    case unknownModel(path: String, found: String)
    /// `tokenizer.ggml.pre` names a pre-tokenizer that does not exist here.
    case unknownPreTokenizer(path: String, found: String)
    /// An array has another length than the vocabulary.
    case wrongCount(path: String, key: String, expected: Int, found: Int)
    case emptyVocabulary(path: String)
    /// A token id outside the vocabulary.
    case idOutOfRange(path: String, key: String, found: Int, vocabularySize: Int)
    /// A merge that is not two tokens of the vocabulary joining to a third; `index` counts from 0.
    case badMerge(path: String, index: Int, found: String)
    /// A token type or score that the format does not allow.
    case badValue(path: String, key: String, index: Int, found: String)
    /// The file's chat template belongs to no known family.
    case unknownTemplate(path: String)
    /// No chat template has this name.
    case noSuchTemplate(name: String)
    /// An id to decode that the vocabulary does not have; `position` counts from 0.
    case unknownID(Int, position: Int, vocabularySize: Int)
}

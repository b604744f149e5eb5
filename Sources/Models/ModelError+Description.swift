import ModelFiles

extension ModelError: CustomStringConvertible {
    /// One line for people: the file, what was expected, what was found, and the remedy.
    package var description: String {
        switch self {
        case .file(let error):
            error.description
        case .unknownArchitecture(let path, let name, let known):
            "\(shown(path)): a model of architecture `\(shown(name))`; this program runs \(known.joined(separator: ", ")). "
                + "Choose a model of one of these with --model."
        case .notEmu2(let path, let example):
            "\(shown(path)): expected a checkpoint of Emu2 with decoder.lm.model.embed_tokens.weight, found one with "
                + "\(shown(example)). Get the model's GGUF file."
        case .missingWeights(let path, let tensor, let shape):
            "\(shown(path)): the tensor \(shown(tensor)), expected of shape \(shape), is missing. "
                + "A shard is missing or config.json is of another model: get the checkpoint again."
        case .misshapenWeights(let path, let tensor, let expected, let found):
            "\(shown(path)): the tensor \(shown(tensor)): expected shape \(expected), found \(found). "
                + "config.json is missing or of another model: name its folder with --configuration."
        case .unexpectedWeights(let path, let tensor, let count):
            "\(shown(path)): expected Emu2's tensors alone, found \(shown(tensor))"
                + (count > 1 ? " and \(count - 1) more" : "")
                + ". config.json is of another model, or this is not Emu2: get the checkpoint again."
        case .missingTokenizer(let path):
            "\(shown(path)): expected tokenizer.model beside it, found none. "
                + "Put it there, or name its folder with --configuration."
        case .missingPart(let path, let part, let folders):
            "\(shown(path)): consists of several files, of which \(shown(part)) is in none of "
                + "\(folders.map(shown).joined(separator: ", ")). Run `make run` in the project's folder, which fetches it."
        case .unsupportedType(let path, let tensor, let type):
            "\(shown(path)): \(shown(tensor)): stored as \(type), which cannot be computed with. "
                + "Get the model in Q4_1, Q8_0 or another common type."
        case .invalidParameter(let path, let key, let found, let expected):
            "\(shown(path)): \(shown(key)): expected \(expected), found \(shown(found)). "
                + "The file is damaged or converted wrongly: get it again."
        case .unsupportedFeature(let path, let feature):
            "\(shown(path)): needs \(shown(feature)), which this version cannot compute. Choose another model with --model."
        case .noVerdict(let path):
            "\(shown(path)): the safety checker computed scores that are no numbers, so that nothing it looks at can be shown. "
                + "Its weights are damaged: get the model again."
        case .unsupportedCache(let type, let headSize):
            "A key-value cache of type \(type) cannot hold this model's heads of \(headSize) features. Use --cache f16 or f32."
        case .outOfMemory(let what, let bytes):
            "No memory for \(what): \(bytes / 1_048_576) MiB were refused. Use a smaller --context or a smaller model."
        }
    }
}

extension ModelFileError: CustomStringConvertible {
    /// One line for people: the file, what was expected, what was found, and the remedy.
    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "\(shown(path)): cannot be opened: \(shown(reason)). Check the path and its permissions."
        case .isFolder(let path):
            "\(shown(path)): is a folder, a model file was expected. Name the file inside it."
        case .isEmpty(let path):
            "\(shown(path)): is empty, a model file was expected. Download it again."
        case .noWeights(let path, let candidates):
            "\(shown(path)): a folder without a checkpoint: expected an index such as model.safetensors.index.json, or one "
                + "file of weights, found \(candidates.isEmpty ? "none" : shown(candidates.joined(separator: ", "))). "
                + "Name the file or the folder that holds the weights."
        case .otherFormat(let path, let wanted, let seems):
            "\(shown(path)): not a \(wanted) file: it seems to be \(seems.name). \(seems.remedy)"
        case .bigEndian(let path):
            "\(shown(path)): a big-endian GGUF; only little-endian ones can be read. "
                + "Get the little-endian file or convert the model again."
        case .unsupportedVersion(let path, let found):
            "\(shown(path)): GGUF version \(found); versions 2 and 3 can be read. Convert the model again."
        case .truncated(let path, let what, let offset, let needed, let available):
            "\(shown(path)): ends too early: \(shown(what)) needs \(needed) bytes at offset \(offset), "
                + "\(available) are left. Download the file again."
        case .tooLarge(let path, let what, let found, let limit):
            "\(shown(path)): \(shown(what)) is \(found), at most \(limit) is possible. "
                + "The file is damaged: download it again."
        case .malformed(let path, let what, let expected, let found):
            "\(shown(path)): \(shown(what)): expected \(shown(expected)), found \(shown(found)). "
                + "The file is damaged or of an unknown kind: download it again."
        case .refusedPickle(let path, let what):
            "\(shown(path)): its pickle asks for \(shown(what)), which is not run: only tensors, dictionaries, lists, "
                + "numbers and text are read. Get the model as safetensors, or save its state_dict again."
        case .duplicateKey(let path, let key):
            "\(shown(path)): the key \(shown(key)) occurs twice. The file is damaged: download it again."
        case .duplicateTensor(let path, let name):
            "\(shown(path)): the tensor \(shown(name)) occurs twice. The file is damaged: download it again."
        case .overlappingTensors(let path, let first, let second):
            "\(shown(path)): the tensors \(shown(first)) and \(shown(second)) share bytes. "
                + "The file is damaged: download it again."
        case .missingKey(let path, let key, let expected):
            "\(shown(path)): the key \(shown(key)) (\(expected)) is missing. "
                + "The model is of another kind or was converted incompletely: convert it again."
        case .wrongType(let path, let key, let expected, let found):
            "\(shown(path)): the key \(shown(key)): expected \(shown(expected)), found \(shown(found)). Convert the model again."
        case .missingTensor(let path, let name):
            "\(shown(path)): the tensor \(shown(name)) is missing. "
                + "The model is of another kind or was converted incompletely: convert it again."
        case .wrongShape(let path, let name, let expected, let found):
            "\(shown(path)): the tensor \(shown(name)): expected shape \(expected), found \(found). "
                + "The model is of another kind: convert it again."
        case .wrongTensorType(let path, let name, let expected, let found):
            "\(shown(path)): the tensor \(shown(name)): expected \(shown(expected)), found \(shown(found)). "
                + "Convert the model to a supported type."
        }
    }
}

extension ModelFileKind {
    /// The kind in words, with its article.
    package var name: String {
        switch self {
        case .gguf: "a GGUF file"
        case .legacyGGML: "a GGML file from before GGUF"
        case .safetensors: "a safetensors checkpoint"
        case .onnx: "an ONNX graph"
        case .zipArchive: "a ZIP archive, perhaps a PyTorch checkpoint"
        case .pickle: "a Python pickle, perhaps an old PyTorch checkpoint"
        case .compressed: "a compressed file"
        case .gitLFSPointer: "a Git LFS pointer, not the file itself"
        case .webPage: "a web page"
        case .json: "JSON"
        case .text: "text"
        case .zeros: "empty space, perhaps an interrupted download"
        case .unknown: "something unknown"
        }
    }

    /// What the user can do about it.
    package var remedy: String {
        switch self {
        case .gguf: "Use it where a GGUF file is asked for."
        case .legacyGGML: "Get the model's GGUF file."
        case .safetensors, .pickle: "Convert it to GGUF, or get the model's GGUF file."
        case .onnx: "Convert it with `emuchat convert`."
        case .zipArchive: "Unpack it, or convert the checkpoint to GGUF."
        case .compressed: "Unpack it first."
        case .gitLFSPointer: "Run `git lfs pull` where it came from."
        case .webPage: "The download led to a page: use the link of the file itself."
        case .json, .text, .unknown: "Name the model file itself."
        case .zeros: "Download it again."
        }
    }
}

/// Text from outside made fit for one line of a terminal: control characters escaped, long text shortened.
package func shown(_ text: String) -> String {
    let limit = 300
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        guard count < limit else { return result + "…" }
        count += 1
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}

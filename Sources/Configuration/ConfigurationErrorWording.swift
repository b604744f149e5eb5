extension ConfigurationError: CustomStringConvertible {
    /// One line for people: where, what was expected and found, and the remedy.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): cannot be read (\(reason)): make it a readable file, or name another one"
        case .tooLarge(let path, let limit):
            "\(path): is larger than \(limit / 1024) KB, so it is no configuration: name another file"
        case .notText(let path, let byte):
            "\(path): byte \(byte) is no UTF-8 text: save the file as UTF-8"
        case .syntax(let path, let line, let column, let problem):
            "\(path), line \(line), column \(column): is no TOML (\(problem)): correct the line, or put # before it"
        case .unknownKey(let path, let line, let key, let known):
            "\(path), line \(line): unknown key `\(key)`: use one of \(known.joined(separator: ", ")), or remove the line"
        case .wrongValue(let path, let line, let key, let found, let expected):
            "\(path), line \(line): `\(key)` is \(found): write \(expected)"
        case .cannotEdit(let path, let key):
            "\(path): `\(key)` is written in a way that cannot be changed here, or holds what a file cannot: "
                + "write it as a table, [\(key)], or edit the file"
        case .unknownTheme(let name, let known, let folder):
            "no theme is called \(name): use one of \(known.joined(separator: ", ")), the path of a file, "
                + "or put \(name).toml into \(folder)"
        }
    }
}

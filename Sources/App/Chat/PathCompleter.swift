import ChatUI
import Foundation
import Paths

/// The names in a folder that the beginning of a path may go on to.
enum PathCompleter {
    /// More are no help, and take time.
    private static let maximumNames = 1000

    static func complete(_ request: PathCompletion) -> Action {
        let folder = request.folder.isEmpty ? "." : request.folder
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let matching = names.filter { name in
            name.hasPrefix(request.prefix) && (!name.hasPrefix(".") || request.prefix.hasPrefix("."))
        }
        let found = matching.sorted().prefix(maximumNames).map { name in
            var isFolder: ObjCBool = false
            let path = (folder as NSString).appendingPathComponent(name)
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
                ? name + "/" : name
        }
        return .pathsCompleted(request: request.request, found)
    }
}

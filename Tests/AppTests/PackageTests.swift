import Foundation
import Testing

/// What Package.swift says of the targets.
@Suite struct PackageTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private struct Target {
        let name: String
        let folders: [String]
        let dependencies: Set<String>

        /// From what stands behind `.target(`.
        init?(_ declaration: String) {
            guard let name = declaration.firstMatch(of: /name: "([\w-]+)"/)?.1 else { return nil }
            self.name = String(name)
            let path = declaration.firstMatch(of: /path: "([\w\/-]+)"/)?.1
            folders = path.map { [String($0)] } ?? ["Sources/\(name)", "Tests/\(name)"]
            let list = declaration.firstMatch(of: /dependencies: \[([^\]]*)\]/)?.1 ?? ""
            dependencies = Set(list.matches(of: /"([\w-]+)"/).map { String($0.1) })
        }

        /// The modules that its sources import.
        func imports() throws -> Set<String> {
            var modules: Set<String> = []
            for folder in folders {
                let files = FileManager.default.enumerator(
                    at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
                while let file = files?.nextObject() as? URL {
                    guard file.pathExtension == "swift" else { continue }
                    let text = try String(contentsOf: file, encoding: .utf8)
                    modules.formUnion(text.matches(of: /(?m)^(?:package |public )?import (\w+)$/).map { String($0.1) })
                }
            }
            return modules
        }
    }

    /// A target is built again when what it names changes: with another layout of a type that it only imports, what is
    /// linked would crash.
    @Test func targetsNameWhatTheyImport() throws {
        let package = try String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        let targets = package.components(separatedBy: "arget(").dropFirst().compactMap { Target($0) }
        let modules = Set(targets.map(\.name))
        #expect(modules.isSuperset(of: ["App", "Models", "CKernels", "terminal-probe", "AppTests"]))
        for target in targets {
            let imported = try target.imports().intersection(modules)
            let missing = imported.subtracting(target.dependencies).sorted()
            #expect(missing.isEmpty, "\(target.name) does not name \(missing)")
            if target.name == "terminal-probe" { #expect(imported.contains("Terminal")) }
        }
    }
}

import Foundation
import Testing

/// What Package.swift says of the targets.
@Suite struct PackageTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A target is built again when what it names changes: with another layout of a type that it only imports, what is
    /// linked would crash.
    @Test func targetsNameWhatTheyImport() throws {
        let package = try String(
            contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        var named: [String: Set<String>] = [:]
        for match in package.matches(of: /name: "([\w-]+)"(?:, path: "[\w\/-]+")?,\s+dependencies: \[([^\]]*)\]/) {
            named[String(match.1)] = Set(match.2.matches(of: /"([\w-]+)"/).map { String($0.1) })
        }
        // The modules that are made here; what lies beside them comes with Swift or from other packages.
        let modules = Set(package.matches(of: /arget\(\s*name: "([\w-]+)"/).map { String($0.1) })
        #expect(modules.isSuperset(of: ["App", "Models", "Tensor", "CKernels"]) && named["App"]?.isEmpty == false)
        for folder in ["Sources", "Tests"] {
            let place = Self.root.appendingPathComponent(folder)
            for target in try FileManager.default.contentsOfDirectory(atPath: place.path) where modules.contains(target)
            {
                let files = FileManager.default.enumerator(
                    at: place.appendingPathComponent(target), includingPropertiesForKeys: nil)
                while let file = files?.nextObject() as? URL {
                    guard file.pathExtension == "swift" else { continue }
                    let text = try String(contentsOf: file, encoding: .utf8)
                    for match in text.matches(of: /(?m)^(?:package |public )?import (\w+)$/) {
                        let module = String(match.1)
                        guard modules.contains(module) else { continue }
                        #expect(
                            named[target]?.contains(module) == true,
                            "\(target) does not name \(module), which \(file.lastPathComponent) imports")
                    }
                }
            }
        }
    }
}

// swift-tools-version: 6.1
import PackageDescription

/// Every Swift target is built in Swift 6 language mode; modules talk through `package` access.
let swiftSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

/// Kernels are useless unoptimised (about 30 times slower), so they are optimised in debug builds too.
/// Vectors wider than the CPU only pass between inlined functions, so their calling convention does not matter.
let kernelSettings: [CSetting] = [.unsafeFlags(["-O3", "-fno-math-errno", "-ffp-contract=off", "-Wno-psabi"])]

let package = Package(
    name: "emuchat",
    products: [
        .executable(name: "emuchat", targets: ["emuchat"]),
        .executable(name: "bench", targets: ["bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // C: kernels, and the libraries behind small headers of our own.
        .target(name: "CKernels", cSettings: kernelSettings, linkerSettings: [.linkedLibrary("m")]),
        .systemLibrary(
            name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CMarkdown", providers: [.apt(["libcmark-gfm-dev", "libcmark-gfm-extensions-dev"])]),
        .systemLibrary(name: "CUtf8proc", providers: [.apt(["libutf8proc-dev"])]),
        .target(
            name: "CNcurses",
            linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
        .systemLibrary(name: "CChafa", pkgConfig: "chafa", providers: [.apt(["libchafa-dev"])]),
        // GObject's flags are all that vips.h needs; vips.pc adds -pthread, which SwiftPM refuses with a warning.
        .systemLibrary(name: "CVips", pkgConfig: "gobject-2.0", providers: [.apt(["libvips-dev"])]),
        .systemLibrary(
            name: "CLibAV", pkgConfig: "libavformat", providers: [.apt(["libavformat-dev", "libswscale-dev"])]),

        // Shared vocabulary.
        .target(name: "Digest", dependencies: ["CLibCrypto"], swiftSettings: swiftSettings),
        .target(name: "Paths", swiftSettings: swiftSettings),
        .target(name: "Pixels", dependencies: ["Digest"], swiftSettings: swiftSettings),
        .target(name: "Generation", dependencies: ["Pixels"], swiftSettings: swiftSettings),

        // The engine.
        .target(name: "Tensor", dependencies: ["CKernels"], swiftSettings: swiftSettings),
        .target(name: "ModelFiles", dependencies: ["Tensor", "Digest", "Paths"], swiftSettings: swiftSettings),
        .target(
            name: "Tokenization", dependencies: ["Generation", "ModelFiles", "Pixels"],
            swiftSettings: swiftSettings),
        .target(
            name: "Models", dependencies: ["Tensor", "ModelFiles", "Paths", "Pixels"],
            swiftSettings: swiftSettings),
        .target(
            name: "Conversion", dependencies: ["Models", "ModelFiles", "Tensor", "Digest", "Paths"],
            swiftSettings: swiftSettings),
        .target(
            name: "Inference",
            dependencies: ["Models", "Tokenization", "Generation", "Digest", "Pixels", "ModelFiles", "Tensor"],
            swiftSettings: swiftSettings),

        // Sessions and the screen.
        .target(name: "Chat", dependencies: ["Generation", "Digest", "Paths", "Pixels"], swiftSettings: swiftSettings),
        .target(name: "Screen", dependencies: ["CUtf8proc"], swiftSettings: swiftSettings),
        .target(
            name: "Media",
            dependencies: ["Paths", "CVips", "CLibAV", "CChafa", "Generation", "Pixels", "Screen", "Digest"],
            swiftSettings: swiftSettings),
        .target(
            name: "ChatUI", dependencies: ["Chat", "Screen", "Generation", "CMarkdown"],
            swiftSettings: swiftSettings),
        .target(name: "Terminal", dependencies: ["CNcurses", "Screen"], swiftSettings: swiftSettings),
        .target(
            name: "Themes", path: "themes",
            resources: [
                .embedInCode("dark.toml"), .embedInCode("light.toml"), .embedInCode("high-contrast.toml"),
                .embedInCode("monochrome.toml"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "Configuration",
            dependencies: [
                "ChatUI", "Generation", "Screen", "Themes", .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: swiftSettings),

        // The commands.
        .target(
            name: "App",
            dependencies: [
                "Inference", "Conversion", "Chat", "ChatUI", "Configuration", "Terminal", "Media", "Paths",
                "Digest", "Generation", "ModelFiles", "Models", "Pixels", "Screen", "Tensor", "Tokenization",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(name: "emuchat", dependencies: ["App"], swiftSettings: swiftSettings),
        .executableTarget(name: "bench", dependencies: ["App"], swiftSettings: swiftSettings),

        // Tests.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .executableTarget(
            name: "terminal-probe", dependencies: ["Terminal", "ChatUI", "Generation", "TestSupport", "Screen"],
            path: "Tests/TerminalProbe", swiftSettings: swiftSettings),
        .target(name: "AllocationMeter", path: "Tests/AllocationMeter"),
        .executableTarget(
            name: "SessionCrashChild", dependencies: ["App", "Chat", "ChatUI", "Generation", "Inference", "Terminal"],
            path: "Tests/SessionCrashChild",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "GenerationTests", dependencies: ["Generation", "TestSupport", "Pixels"],
            swiftSettings: swiftSettings),
        .testTarget(name: "PathsTests", dependencies: ["Paths"], swiftSettings: swiftSettings),
        .testTarget(
            name: "PixelsTests", dependencies: ["Pixels", "Digest", "TestSupport"],
            exclude: ["Fixtures", "Reference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "TensorTests", dependencies: ["Tensor", "CKernels", "TestSupport"],
            exclude: ["Fixtures", "Reference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "ModelFilesTests", dependencies: ["ModelFiles", "TestSupport", "AllocationMeter", "Tensor"],
            exclude: ["Fixtures", "Reference"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "TokenizationTests",
            dependencies: ["Tokenization", "TestSupport", "Generation", "ModelFiles", "Pixels"],
            exclude: ["Fixtures", "Reference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "InferenceTests",
            dependencies: [
                "Inference", "Conversion", "Tensor", "Models", "ModelFiles", "TestSupport", "AllocationMeter", "Digest",
                "Generation", "Pixels", "Tokenization",
            ],
            exclude: ["Fixtures", "Reference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "ConversionTests", dependencies: ["Conversion", "Models", "ModelFiles", "Tensor", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ChatTests", dependencies: ["Chat", "TestSupport", "Generation", "Pixels"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ScreenTests", dependencies: ["Screen", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "MediaTests", dependencies: ["Media", "TestSupport", "Generation", "Pixels", "Screen"],
            exclude: ["Fixtures"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ChatUITests", dependencies: ["ChatUI", "TestSupport", "Chat", "Generation", "Screen"],
            exclude: ["Golden"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["Configuration", "TestSupport", "ChatUI", "Generation", "Screen"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "TerminalTests",
            dependencies: ["Terminal", "ChatUI", "terminal-probe", "TestSupport", "Generation", "Screen"],
            exclude: ["Reference"], swiftSettings: swiftSettings),
        .testTarget(
            name: "AppTests",
            dependencies: [
                "emuchat", "bench", "SessionCrashChild", "App", "Chat", "ChatUI", "Generation", "Inference", "Media",
                "ModelFiles", "Models", "Pixels", "Screen", "Tensor", "Terminal", "TestSupport",
            ],
            exclude: ["Golden", "Reference"], swiftSettings: swiftSettings),
    ]
)

/// `EMUCHAT_TESTS`, such as "InferenceTests ChatTests", names the only tests that are wanted: nothing is built but these
/// and what they stand on. Builds under sanitizers, which run a part of the tests, are spared the rest by it.
if let wanted = Context.environment["EMUCHAT_TESTS"] {
    var kept = Set(wanted.split(separator: " ").map(String.init))
    var unseen = Array(kept)
    while let name = unseen.popLast() {
        for case .byNameItem(let name, _) in package.targets.first(where: { $0.name == name })?.dependencies ?? []
        where kept.insert(name).inserted {
            unseen.append(name)
        }
    }
    package.targets.removeAll { !kept.contains($0.name) }
    package.products = []
    // Only the commands and the configuration use packages of others.
    if kept.isDisjoint(with: ["App", "Configuration"]) { package.dependencies = [] }
}

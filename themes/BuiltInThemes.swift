/// The theme files of this folder, part of the program so that it runs from anywhere.
package enum BuiltInThemes {
    /// The text of each file by its name without the ending, UTF-8.
    package static let files: [String: [UInt8]] = [
        "dark": PackageResources.dark_toml,
        "light": PackageResources.light_toml,
        "high-contrast": PackageResources.high_contrast_toml,
        "monochrome": PackageResources.monochrome_toml,
    ]
}

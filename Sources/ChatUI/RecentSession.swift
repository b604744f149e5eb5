/// A session of the start screen.
package struct RecentSession: Hashable, Sendable {
    package var name: String
    package var title: String
    /// When it was last changed, in seconds since 1970.
    package var time: Double
    package var turns: Int
    package var pictures: Int
    /// Words of it that hold what was searched for.
    package var excerpt: String?

    package init(
        name: String, title: String, time: Double, turns: Int, pictures: Int, excerpt: String? = nil
    ) {
        self.name = name
        self.title = title
        self.time = time
        self.turns = turns
        self.pictures = pictures
        self.excerpt = excerpt
    }
}

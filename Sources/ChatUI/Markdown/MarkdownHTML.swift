import CMarkdown
import Foundation

/// Markdown as HTML, for pages that are to be looked at elsewhere.
package enum MarkdownHTML {
    /// The elements that a text's Markdown stands for; nil when it is too large or too deep to be read as Markdown.
    ///
    /// Tags that stand in the text are words like all others, links lead to the web or to mail, and nothing is fetched
    /// from elsewhere: of a picture its description is left.
    package static func elements(_ source: String) -> String? {
        MarkdownParser.withDocument(source) { document, _ in
            guard !MarkdownParser.isTooDeep(document) else { return nil }
            for node in nodes(of: document) {
                switch cmark_node_get_type(node) {
                case CMARK_NODE_HTML_BLOCK: becomeText(node, isBlock: true)
                case CMARK_NODE_HTML_INLINE: becomeText(node, isBlock: false)
                case CMARK_NODE_IMAGE: becomeDescription(node)
                default: break
                }
            }
            // The library leaves out the targets of links that are no addresses of the web or of mail.
            guard let html = cmark_render_html(document, CMARK_OPT_DEFAULT, nil) else { return nil }
            defer { free(html) }
            return withoutControls(String(cString: html))
        }
    }

    private static func nodes(of document: OpaquePointer) -> [OpaquePointer] {
        guard let iterator = cmark_iter_new(document) else { return [] }
        defer { cmark_iter_free(iterator) }
        var nodes = [OpaquePointer]()
        while true {
            switch cmark_iter_next(iterator) {
            case CMARK_EVENT_DONE: return nodes
            case CMARK_EVENT_ENTER: if let node = cmark_iter_get_node(iterator) { nodes.append(node) }
            default: break
            }
        }
    }

    private static func becomeText(_ node: OpaquePointer, isBlock: Bool) {
        guard let text = cmark_node_new(CMARK_NODE_TEXT) else { return }
        cmark_node_set_literal(text, cmark_node_get_literal(node))
        var replacement = text
        if isBlock, let paragraph = cmark_node_new(CMARK_NODE_PARAGRAPH) {
            cmark_node_append_child(paragraph, text)
            replacement = paragraph
        }
        cmark_node_replace(node, replacement)
        cmark_node_free(node)
    }

    /// Puts what stands within a picture's brackets in its place.
    private static func becomeDescription(_ node: OpaquePointer) {
        while let child = cmark_node_first_child(node) { cmark_node_insert_before(node, child) }
        cmark_node_unlink(node)
        cmark_node_free(node)
    }

    private static func withoutControls(_ html: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in html.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            result.append(isControl ? " " : scalar)
        }
        return String(result)
    }
}

import Foundation
import Generation

extension SessionExport {
    /// The branch as one page: no scripts, nothing from elsewhere, every text escaped.
    var html: String {
        let title = Self.escaped(SessionNaming.printable(session.title))
        var page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <h1>\(title)</h1>

            """
        let numbers = mediaNumbers()
        for message in branch { page += article(message, numbers[message.id] ?? [:]) }
        return page + "</body>\n</html>\n"
    }

    /// - Parameter numbers: of its pictures and clips, by their place among its parts.
    private func article(_ message: Message, _ numbers: [Int: Int]) -> String {
        var text = "<article class=\"\(message.role.rawValue)\" id=\"message-\(message.id)\">\n"
        text += "<header><b>\(speaker(message))</b> <time>\(time(message))</time></header>\n"
        if let grounding = grounding(message) {
            let words = grounding.answer.text
            text += markup(words).map { "<div class=\"markup\">\($0)</div>\n" } ?? "<div>\(Self.escaped(words))</div>\n"
            text += places(grounding.lines)
        } else if message.role == .assistant, message.parts.allSatisfy(\.isText), let markup = markup(message.text) {
            text += "<div class=\"markup\">\(markup)</div>\n"
        } else {
            text += "<div>\(blocks(message).enumerated().map { html($1, number: numbers[$0]) }.joined())</div>\n"
        }
        var notes = [String]()
        if let unseen = message.answer?.unseenMedia, !unseen.isEmpty {
            notes.append("did not see " + unseen.map { "[Image #\($0)]" }.joined(separator: ", "))
        }
        if let ending = ending(message) { notes.append(ending) }
        let siblings = session.siblings(of: message.id)
        if siblings.count > 1, let place = siblings.firstIndex(of: message.id) {
            notes.append("branch \(place + 1) of \(siblings.count)")
        }
        if let model = message.answer?.model.name { notes.append(SessionNaming.printable(model)) }
        if !notes.isEmpty { text += "<footer>\(Self.escaped(notes.joined(separator: " · ")))</footer>\n" }
        return text + "</article>\n"
    }

    private func places(_ lines: [GroundedLine]) -> String {
        let items = lines.map { line -> String in
            let number = line.number.map { "<b style=\"background:\(Self.color($0))\">\($0)</b> " } ?? ""
            return "<li>\(number)\(Self.escaped(SessionNaming.printable(line.text)))</li>\n"
        }
        return "<ul class=\"places\">\n\(items.joined())</ul>\n"
    }

    private static func color(_ number: Int) -> String {
        let color = NumberedBox.color(number)
        return "rgb(\(color.red),\(color.green),\(color.blue))"
    }

    /// Boxes in a drawing that lies over the picture and has its size in units.
    private func drawing(_ boxes: [NumberedBox], _ image: StoredImage) -> String {
        let unit = max(1, max(image.width, image.height) / 200)
        let shapes = boxes.map { numbered -> String in
            let edges = numbered.box.pixels(width: image.width, height: image.height)
            let color = Self.color(numbered.number)
            return """
                <rect x="\(edges[0])" y="\(edges[1])" width="\(edges[2] - edges[0])" height="\(edges[3] - edges[1])" \
                fill="none" stroke="\(color)" stroke-width="\(unit)"/>\
                <text x="\(edges[0] + unit * 2)" y="\(edges[1] + unit * 9)" font-size="\(unit * 9)" \
                fill="\(color)" stroke="#000" stroke-width="\(unit)" paint-order="stroke">\(numbered.number)</text>
                """
        }
        return
            "<svg viewBox=\"0 0 \(image.width) \(image.height)\" preserveAspectRatio=\"none\">\(shapes.joined())</svg>"
    }

    private func html(_ part: Part, number: Int?) -> String {
        switch part.content {
        case .text(let text):
            return Self.escaped(text)
        case .image(let image):
            let boxes = number.map(boxes(onto:)) ?? []
            let overlay = boxes.isEmpty ? "" : drawing(boxes, image)
            let shown = picture(image.file, image.name, image.width, image.height)
            return "<figure><div class=\"picture\">\(shown)\(overlay)</div><figcaption>"
                + Self.escaped("\(SessionNaming.printable(image.name)) · \(image.width)×\(image.height)")
                + "</figcaption></figure>"
        case .predicted(let picture):
            guard let image = picture.image else { return "<figure>\(Self.escaped(picture.words))</figure>" }
            return html(.image(image), number: number)
        case .video(let video):
            let frames = video.frames.map { frame in
                picture(frame.file, "\(video.name) at \(frame.seconds) s", video.width, video.height)
            }
            return "<figure class=\"clip\">\(frames.joined())<figcaption>"
                + Self.escaped("\(SessionNaming.printable(video.name)) · \(video.frames.count) frames")
                + "</figcaption></figure>"
        }
    }

    private func picture(_ file: StoredFile, _ name: String, _ width: Int, _ height: Int) -> String {
        let label = Self.escaped(SessionNaming.printable(name))
        guard let bytes = picture(file) else { return "<p>[\(label): the picture is gone]</p>" }
        return "<img src=\"\(file.dataURL(bytes))\" alt=\"\(label)\" width=\"\(width)\" height=\"\(height)\">"
    }

    /// Text for an element or a quoted attribute; control characters become spaces but for line ends and tabs.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let style = """
        :root { color-scheme: light dark; --dim: #767676; --user: #1f6feb; --assistant: #2e8b57; --system: #9a6700 }
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
        h1 { font-size: 1.4rem }
        article { border-left: 4px solid var(--dim); padding-left: 1rem; margin: 1.5rem 0 }
        article.user { border-color: var(--user) }
        article.assistant { border-color: var(--assistant) }
        article.system { border-color: var(--system) }
        article > div { white-space: pre-wrap; overflow-wrap: anywhere }
        article > div.markup { white-space: normal }
        .markup > :first-child { margin-top: 0 }
        .markup > :last-child { margin-bottom: 0 }
        pre { overflow-x: auto; padding: .6rem .8rem; border-radius: 4px; background: rgba(127, 127, 127, .12) }
        code { font: .9em ui-monospace, monospace }
        table { border-collapse: collapse }
        td, th { border: 1px solid var(--dim); padding: .2rem .6rem }
        blockquote { margin: 0; padding-left: 1rem; border-left: 2px solid var(--dim) }
        header time, footer, figcaption { color: var(--dim); font-size: .8rem }
        figure { margin: .5rem 0; white-space: normal }
        img { max-width: 100%; max-height: 30rem; width: auto; height: auto; display: block; border-radius: 4px }
        .picture { position: relative; display: inline-block }
        .picture svg { position: absolute; inset: 0; width: 100%; height: 100% }
        .places { list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem }
        .places b { color: #000; padding: 0 .4em; border-radius: 3px }
        figure.clip img { display: inline-block; max-width: 24%; margin-right: 1% }
        """
}

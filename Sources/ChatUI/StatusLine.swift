import Generation
import Screen

/// The last row: model, context, what is going on, figures, and the one key that matters now.
enum StatusLine {
    static func draw(_ state: AppState, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let row = geometry.statusRow
        let isNarrow = geometry.size.columns < 60
        let key = self.key(state, theme, isNarrow: isNarrow)
        let keyColumns = key.map { TextWidth.columns(of: $0.text) + 2 } ?? 0
        let end = geometry.size.columns - 1
        var column = 1
        for piece in pieces(state, theme, isNarrow: isNarrow) {
            // A piece that does not fit is left out whole: half a figure misleads.
            guard column + piece.columns <= end - keyColumns else { continue }
            column = frame.draw(piece, at: Position(column: column, row: row)) + 2
        }
        if let key { frame.drawRight(key.text, endingAt: end, row: row, style: key.style) }
    }

    private static func pieces(_ state: AppState, _ theme: Theme, isNarrow: Bool) -> [TextLine] {
        var pieces: [TextLine] = []
        let progress = self.progress(state, theme)
        if !isNarrow, let name = modelName(state) { pieces.append(TextLine(name, theme.text)) }
        if let gauge = gauge(state, theme, isNarrow: isNarrow) { pieces.append(gauge) }
        if let progress { pieces.append(progress) }
        if !isNarrow { pieces += figures(state).map { TextLine($0, theme.dim) } }
        return pieces
    }

    private static func modelName(_ state: AppState) -> String? {
        let name: String
        switch state.model {
        case .loading(let loading, _, _): name = loading
        case .ready(let model): name = model.name
        case .failed: name = "no model"
        case .absent: return nil
        }
        return TextWidth.truncated(SanitizedText.clean(name, newlines: .joined), to: 28)
    }

    // MARK: Context

    private static func gauge(_ state: AppState, _ theme: Theme, isNarrow: Bool) -> TextLine? {
        guard case .ready(let model) = state.model, model.contextLength > 0 else { return nil }
        var used = state.contextTokens ?? 0
        if let answer = state.answer { used += answer.tokens }
        let share = min(1, Double(max(0, used)) / Double(model.contextLength))
        let style = share > 0.9 ? theme.warning : theme.gauge
        // What the draft's pictures will add is known before they are sent.
        let coming = state.draftPictureTokens + state.unsentExampleTokens
        let count =
            "\(FigureText.grouped(used))\(coming > 0 ? "+" + FigureText.grouped(coming) : "")"
            + "/\(FigureText.grouped(model.contextLength))"
        return TextLine([
            Span("▕", theme.dim), Span(bar(share, columns: 6), style), Span("▏", theme.dim),
            Span(isNarrow ? count : " \(count) tokens", theme.dim),
        ])
    }

    /// A bar that grows by eighths of a cell.
    static func bar(_ share: Double, columns: Int) -> String {
        let eighths = Int((min(max(0, share), 1) * Double(columns * 8)).rounded())
        let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        let filled = String(repeating: "█", count: eighths / 8) + partial
        return filled + String(repeating: " ", count: columns - filled.count)
    }

    // MARK: What is going on

    private static func progress(_ state: AppState, _ theme: Theme) -> TextLine? {
        if case .loading(_, let share, let since) = state.model {
            guard let share else { return TextLine("loading", theme.accent) }
            let left = timeLeft(share, elapsed: state.now - since)
            return TextLine("loading \(Int(share * 100))%\(left)", theme.accent)
        }
        if let name = state.loadingModel {
            let shown = TextWidth.truncated(SanitizedText.clean(name, newlines: .joined), to: 28)
            return TextLine("loading \(shown)", theme.accent)
        }
        if let comparing = state.comparing {
            return TextLine("comparing pictures \(comparing.completed)/\(comparing.total)", theme.accent)
        }
        guard let answer = state.answer else { return nil }
        if answer.isStopping { return TextLine("stopping", theme.accent) }
        guard let progress = answer.progress else {
            if answer.isProvisional { return TextLine("choosing among \(state.options.beamCount) beams", theme.accent) }
            return answer.tokens == 0 ? TextLine("thinking", theme.accent) : nil
        }
        let share = progress.total > 0 ? Double(progress.completed) / Double(progress.total) : 0
        let left = timeLeft(share, elapsed: state.now - answer.progressSince)
        switch progress.stage {
        case .loading: return TextLine("loading \(Int(share * 100))%\(left)", theme.accent)
        case .images: return TextLine("reading pictures \(Int(share * 100))%\(left)", theme.accent)
        case .prefill: return TextLine("prefill \(progress.completed)/\(progress.total)\(left)", theme.accent)
        }
    }

    /// Nothing in the first moments, when it would be a guess.
    private static func timeLeft(_ share: Double, elapsed: Double) -> String {
        guard share > 0.05, share < 1, elapsed > 0.3, elapsed < 86_400 else { return "" }
        return " " + FigureText.seconds(elapsed * (1 - share) / share)
    }

    private static func figures(_ state: AppState) -> [String] {
        let first = state.answer.map(\.firstTokenSeconds) ?? state.lastFigures?.firstTokenSeconds
        let rate = state.answer.map(\.tokensPerSecond) ?? state.lastFigures?.tokensPerSecond
        return [first.map { "first " + FigureText.seconds($0) }, rate.map(FigureText.rate)].compactMap { $0 }
    }

    /// The other keys of a replay stand in its bar.
    private static func replayKey(_ state: AppState, _ theme: Theme, isNarrow: Bool) -> Span? {
        if let place = BranchReducer.replayedPlace(state) {
            return Span("branch \(place) · n next\(isNarrow ? "" : ", p previous")", theme.text)
        }
        return isNarrow ? Span("q leaves", theme.dim) : nil
    }

    private static func key(_ state: AppState, _ theme: Theme, isNarrow: Bool) -> Span? {
        if state.isLeaving { return Span("saving", theme.accent) }
        if state.isAskingToLeave {
            return Span("Ctrl-C again leaves" + (isNarrow ? "" : " · any other key stays"), theme.warning)
        }
        if state.answer != nil || state.comparing != nil { return Span("Esc stops", theme.text) }
        if state.overflow != nil { return Span("Esc keeps editing", theme.text) }
        if state.replay != nil { return replayKey(state, theme, isNarrow: isNarrow) }
        if !state.waiting.isEmpty && state.editor.isEmpty { return Span("Esc takes it back", theme.text) }
        if state.editor.isEmpty { return Span("Ctrl-D leaves", theme.dim) }
        return nil
    }
}

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
        let progress = progress(state, theme, isNarrow: isNarrow)
        // What is going on has its room before what always stands there.
        var room = end - keyColumns - (progress.map { $0.columns + 2 } ?? 0)
        var column = 1
        func draw(_ piece: TextLine) {
            // A piece that does not fit is left out whole: half a figure misleads.
            guard column + piece.columns <= room else { return }
            column = frame.draw(piece, at: Position(column: column, row: row)) + 2
        }
        if !isNarrow, let name = modelName(state) { draw(TextLine(name, theme.text)) }
        if let gauge = gauge(state, theme, isNarrow: isNarrow) { draw(gauge) }
        room = end - keyColumns
        if let progress { draw(progress) }
        if !isNarrow {
            for figure in figures(state) { draw(TextLine(figure, theme.dim)) }
        }
        if let key { frame.drawRight(key.text, endingAt: end, row: row, style: key.style) }
    }

    private static func modelName(_ state: AppState) -> String? {
        let name: String
        switch state.model {
        case .loading(let loading): name = loading.name
        case .ready(let model): name = model.epithet ?? model.name
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

    private static func progress(_ state: AppState, _ theme: Theme, isNarrow: Bool) -> TextLine? {
        if case .loading(let loading) = state.model { return self.loading(loading, "", state, theme) }
        if let loading = state.loadingModel {
            // The name at the left is still the present one's.
            let name = TextWidth.truncated(SanitizedText.clean(loading.name, newlines: .joined), to: 28)
            return self.loading(loading, " " + name, state, theme)
        }
        if let comparing = state.comparing {
            return TextLine("comparing pictures \(comparing.completed)/\(comparing.total)", theme.accent)
        }
        guard let answer = state.answer else { return nil }
        if answer.isStopping { return TextLine("stopping", theme.accent) }
        if let drawing = answer.drawing {
            return self.drawing(drawing, since: answer.progressSince, state, theme, isNarrow: isNarrow)
        }
        guard let progress = answer.progress else {
            if answer.isProvisional { return TextLine("choosing among \(state.options.beamCount) beams", theme.accent) }
            return answer.tokens == 0 ? TextLine("thinking", theme.accent) : nil
        }
        let share = progress.total > 0 ? Double(progress.completed) / Double(progress.total) : 0
        let left = FigureText.timeLeft(share, elapsed: state.now - answer.progressSince)
        switch progress.stage {
        case .loading: return TextLine("reading weights \(Int(share * 100))%\(left)", theme.accent)
        case .images: return TextLine("reading pictures \(Int(share * 100))%\(left)", theme.accent)
        case .prefill: return TextLine("prefill \(progress.completed)/\(progress.total)\(left)", theme.accent)
        }
    }

    /// Such as `picture 2 of 3, drawing ▕███   ▏ 24/50 2 min`.
    private static func drawing(
        _ progress: DrawingProgress, since: Double, _ state: AppState, _ theme: Theme, isNarrow: Bool
    ) -> TextLine {
        let share = Double(progress.completed) / Double(max(1, progress.total))
        let count =
            switch progress.stage {
            case .loading, .developing, .checking: "\(Int(share * 100))%"
            case .looking, .predicting, .drawing: "\(progress.completed)/\(progress.total)"
            }
        let name = progress.stage == .loading ? "reading weights" : progress.stage.rawValue
        let left = FigureText.timeLeft(share, elapsed: state.now - since)
        if isNarrow, let place = progress.place {
            // There is no room for a bar beside it.
            return TextLine("\(place.number) of \(place.count), \(name) \(count)\(left)", theme.accent)
        }
        let place = progress.place.map { $0.text + ", " } ?? ""
        return TextLine([
            Span("\(place)\(name) ", theme.accent), Span("▕", theme.dim), Span(bar(share, columns: 6), theme.accent),
            Span("▏", theme.dim), Span(" \(count)\(left)", theme.accent),
        ])
    }

    /// Such as `loading 63% 2 s`.
    private static func loading(_ loading: ModelLoading, _ name: String, _ state: AppState, _ theme: Theme) -> TextLine
    {
        guard let share = loading.share else { return TextLine("loading\(name)", theme.accent) }
        let left = FigureText.timeLeft(share, elapsed: state.now - loading.since)
        return TextLine("loading\(name) \(Int(share * 100))%\(left)", theme.accent)
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

import Screen

/// Keys, pastes and what else comes from the terminal.
enum InputReducer {
    static func reduce(_ state: inout AppState, _ event: InputEvent) -> [Effect] {
        switch event {
        case .resized(let size):
            state.resize(to: size)
            return []
        case .resumed:
            return [.redraw]
        case .suspendRequested:
            return [.suspend]
        case .terminationRequested:
            return leave(&state)
        case .paste(let text):
            guard state.replay == nil else { return [] }
            state.isAskingToLeave = false
            if PictureViewReducer.leave(&state) || state.boxPlacement != nil { return [] }
            if let effects = BrowserReducer.paste(&state, text) { return effects }
            return PasteReducer.pasted(&state, text)
        case .key(let key):
            return self.key(&state, key)
        }
    }

    private static func key(_ state: inout AppState, _ key: Key) -> [Effect] {
        if let effects = PictureViewReducer.key(&state, key) ?? BoxPlacementReducer.key(&state, key)
            ?? BrowserReducer.key(&state, key)
        {
            return effects
        }
        // Whatever the next key is, it ends the wait for it.
        let isPrefixed = state.hasPrefixKey
        state.hasPrefixKey = false
        if key == .control("c"), state.historySearch != nil { return HistoryReducer.key(&state, .control("g")) ?? [] }
        if let effects = everywhere(&state, key) { return effects }
        if state.replay != nil { return replay(&state, key) }
        if state.overflow != nil { return OverflowReducer.reduce(&state, key) }
        if let effects = HistoryReducer.key(&state, key) { return effects }
        if isPrefixed { return prefixed(&state, key) }
        if key != Key(.tab) { state.completions = [] }
        return chat(&state, key)
    }

    /// Keys that mean the same whatever is shown; nil for all others.
    private static func everywhere(_ state: inout AppState, _ key: Key) -> [Effect]? {
        if key == .control("c") {
            if state.isAskingToLeave { return leave(&state) }
            // Pressed again while the answer is stopping, it is meant for the program.
            if state.answer?.isStopping == false, let effects = GenerationReducer.stop(&state) { return effects }
            if state.replay != nil { return [.replay(.leave)] }
            state.isAskingToLeave = true
            return []
        }
        state.isAskingToLeave = false
        switch (key.code, key.modifiers) {
        case (.character("l"), .control): return [.redraw]
        case (.character("z"), .control): return [.suspend]
        case (.pageUp, _): scroll(&state, pages: -1)
        case (.pageDown, _): scroll(&state, pages: 1)
        case (.character("<"), .alt): setScroll(&state, Viewport.beginning(state))
        case (.character(">"), .alt): setScroll(&state, nil)
        default: return nil
        }
        return []
    }

    private static func chat(_ state: inout AppState, _ key: Key) -> [Effect] {
        switch (key.code, key.modifiers) {
        case (.enter, []):
            return enter(&state)
        case (.escape, _):
            return escape(&state)
        case (.character("d"), .control) where state.editor.isEmpty:
            return leave(&state)
        case (.character("g"), .control):
            state.inputErrors = []
            state.inputNote = nil
            _ = BranchReducer.stopEditing(&state)
            return []
        case (.character("x"), .control):
            state.hasPrefixKey = true
            return []
        case (.character("r"), .control):
            HistoryReducer.begin(&state)
            return []
        case (.tab, []):
            return CompletionReducer.complete(&state)
        case (.character("o"), .control):
            return BrowserReducer.toggle(&state)
        case (.character("m"), .alt):
            InputMessages.showAll(&state)
            return []
        case (.function(1), _):
            HelpCommand.show(&state)
            return []
        case (.character("g"), .alt):
            return GroundingReducer.toggle(&state)
        case (.character("p"), .alt):
            return branch(&state, step: -1)
        case (.character("n"), .alt):
            return branch(&state, step: 1)
        case (.up, []), (.character("p"), .control):
            return vertical(&state, Key(.up))
        case (.down, []), (.character("n"), .control):
            return vertical(&state, Key(.down))
        default:
            if key.code == .enter || key == .control("j") { state.usedHints.insert(.newLine) }
            _ = state.editor.handle(key, columns: ScreenGeometry.editorColumns(state.size))
            return []
        }
    }

    /// The key after Ctrl-X.
    private static func prefixed(_ state: inout AppState, _ key: Key) -> [Effect] {
        switch key {
        case .control("e"): return [.editExternally(state.editor.text)]
        case .control("u"): state.editor.undo()
        default: break
        }
        return []
    }

    private static func branch(_ state: inout AppState, step: Int) -> [Effect] {
        do throws(CommandProblem) {
            return try BranchReducer.show(&state, number: nil, step: step)
        } catch {
            state.inputErrors = [error.description]
            return []
        }
    }

    /// Moves by a row; at the editor's edge, through what was sent before.
    private static func vertical(_ state: inout AppState, _ key: Key) -> [Effect] {
        if state.editor.handle(key, columns: ScreenGeometry.editorColumns(state.size)) { return [] }
        let other = key.code == .up ? state.history.older(than: state.editor.elements) : state.history.newer()
        if let other { state.editor.setElements(other) }
        return []
    }

    private static func escape(_ state: inout AppState) -> [Effect] {
        state.inputErrors = []
        state.inputNote = nil
        state.sendsWhenLoaded = false
        if state.comparing != nil { return [.cancelGeneration] }
        // What waits is taken back before what runs is stopped: the last thing asked goes first.
        if let effects = GenerationReducer.stop(&state) { return effects }
        if GenerationReducer.takeBackWaiting(&state) || BranchReducer.stopEditing(&state) { return [] }
        if state.scroll != nil { setScroll(&state, nil) }
        return []
    }

    private static func enter(_ state: inout AppState) -> [Effect] {
        state.inputErrors = []
        state.inputNote = nil
        guard let invocation = CommandLine.invocation(in: state.editor) else { return send(&state) }
        do throws(CommandProblem) {
            guard let command = Command.named(invocation.name) else {
                throw .unknown(
                    name: invocation.name,
                    nearest: CommandLine.nearest(to: invocation.name, among: Command.all.map(\.name)))
            }
            let (before, cursor) = (state.editor.elements, state.editor.cursor)
            let typed = Array(before[invocation.range])
            if !command.placesItself { removeCommand(invocation, &state) }
            do throws(CommandProblem) {
                var effects = try command.run(invocation, &state)
                effects.append(remember(&state, typed))
                if !command.placesItself {
                    state.takenCommand = AppState.TakenCommand(
                        name: command.name, before: before, after: state.editor.elements, cursor: cursor)
                }
                return effects
            } catch {
                if !command.placesItself { state.editor.undo() }
                throw error
            }
        } catch {
            state.inputErrors = [error.description]
            return []
        }
    }

    /// Takes a command out of the draft, with its line when it had one.
    private static func removeCommand(_ invocation: CommandInvocation, _ state: inout AppState) {
        var range = invocation.range
        let elements = state.editor.elements
        if range.lowerBound > 0 && elements[range.lowerBound - 1].isNewline {
            range = (range.lowerBound - 1)..<range.upperBound
        } else if range.upperBound < elements.count && elements[range.upperBound].isNewline {
            range = range.lowerBound..<(range.upperBound + 1)
        }
        state.editor.replace(range, with: [])
    }

    /// Sends what is in the editor, as soon as its pictures have been read.
    static func send(_ state: inout AppState) -> [Effect] {
        guard let parts = state.editor.messageParts else { return [] }
        if case .failed(let message) = state.model {
            state.inputErrors = [message]
            return []
        }
        if state.editing != nil {
            // A branch begins from what is shown, so that nothing else may be on its way.
            let isReady = if case .ready = state.model { true } else { false }
            let problem = BranchReducer.obstacle("edit", state) ?? (isReady ? nil : .modelIsNotReady(command: "edit"))
            if let problem {
                state.inputErrors = [problem.description]
                return []
            }
        }
        guard state.attachments.isEmpty else {
            state.sendsWhenLoaded = true
            return []
        }
        state.sendsWhenLoaded = false
        let sent = remember(&state, state.editor.elements)
        state.editor = state.editor.emptied
        state.usedHints.insert(.send)
        return [sent] + GenerationReducer.ask(&state, parts)
    }

    /// Keeps what was sent for Up, Ctrl-R and the next conversations.
    private static func remember(_ state: inout AppState, _ elements: [Editor.Element]) -> Effect {
        state.history.append(elements)
        // A placeholder means nothing in another conversation.
        return .historyAppended(CommandLine.trimmed(elements.filter { $0.pictureNumber == nil }.map(\.text).joined()))
    }

    private static func leave(_ state: inout AppState) -> [Effect] {
        guard !state.isLeaving else { return [] }
        state.isLeaving = true
        return [.quit]
    }

    private static func scroll(_ state: inout AppState, pages: Int) {
        let rows = ScreenGeometry(state).conversation.size.rows
        setScroll(&state, Viewport.scrolled(state, by: pages * max(1, rows - 2)))
    }

    private static func setScroll(_ state: inout AppState, _ anchor: AppState.ScrollAnchor?) {
        state.scroll = anchor
        if anchor == nil { state.hasNewTextBelow = false }
    }

    private static func replay(_ state: inout AppState, _ key: Key) -> [Effect] {
        switch (key.code, key.modifiers) {
        case (.character(" "), []): [.replay(.togglePause)]
        case (.left, _): [.replay(.previousTurn)]
        case (.right, _): [.replay(.nextTurn)]
        case (.character("+"), []), (.character("="), []): [.replay(.faster)]
        case (.character("-"), []), (.character("−"), []): [.replay(.slower)]
        case (.character("n"), []), (.character("n"), .alt): BranchReducer.replayed(state, step: 1)
        case (.character("p"), []), (.character("p"), .alt): BranchReducer.replayed(state, step: -1)
        case (.character("q"), []), (.escape, _), (.character("d"), .control): [.replay(.leave)]
        case (.up, _):
            scrolled(&state, by: -1)
        case (.down, _):
            scrolled(&state, by: 1)
        default: []
        }
    }

    private static func scrolled(_ state: inout AppState, by lines: Int) -> [Effect] {
        setScroll(&state, Viewport.scrolled(state, by: lines))
        return []
    }
}

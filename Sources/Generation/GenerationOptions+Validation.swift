extension GenerationOptions {
    /// Checks every option's range; the error names the option as the command line spells it.
    package func validate() throws(GenerationFailure) {
        func require(_ condition: Bool, _ option: String, _ range: String, _ found: String) throws(GenerationFailure) {
            guard condition else { throw .invalidOption("\(option) is \(found); it must be \(range).") }
        }
        if let maximumTokens {
            try require(maximumTokens >= 0, "--max-tokens", "0 or more", "\(maximumTokens)")
        }
        try require((0...100).contains(temperature), "--temperature", "0 to 100", "\(temperature)")
        try require(topK >= 0, "--top-k", "0 or more", "\(topK)")
        try require(topP > 0 && topP <= 1, "--top-p", "above 0 and at most 1", "\(topP)")
        try require((0...1).contains(minP), "--min-p", "0 to 1", "\(minP)")
        try require(
            repetitionPenalty > 0 && repetitionPenalty.isFinite, "--repetition-penalty", "above 0",
            "\(repetitionPenalty)")
        try require((1...64).contains(beamCount), "--beams", "1 to 64", "\(beamCount)")
        try require(
            (0...AnswerPictures.greatestCount).contains(pictures.most), "--pictures",
            "0 to \(AnswerPictures.greatestCount)", "\(pictures.most)")
        if pictures.areWanted {
            // Each beam would draw pictures of its own, of which all but one are thrown away.
            try require(beamCount == 1, "--beams", "1 with --interleaved", "\(beamCount)")
        }
        try require(lengthPenalty.isFinite, "--length-penalty", "a number", "\(lengthPenalty)")
    }
}

/// Numbers and times for people.
enum FigureText {
    /// A number without a needless fraction.
    static func plain(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return String(value)
    }

    /// Seconds with one decimal below ten, such as `0.7 s`, `12 s`, `3 min 20 s`.
    static func seconds(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e9 else { return "?" }
        if value < 9.95 { return tenths(value) + " s" }
        let whole = Int(value.rounded())
        return whole < 100 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }

    /// What a share done in so many seconds leaves to wait for, behind a space; nothing in the first moments, when it
    /// would be a guess.
    static func timeLeft(_ share: Double, elapsed: Double) -> String {
        guard share > 0.05, share < 1, elapsed > 0.3, elapsed < 86_400 else { return "" }
        return " " + seconds(elapsed * (1 - share) / share)
    }

    /// One decimal.
    static func tenths(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "?" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// Tokens per second: one decimal below ten.
    static func rate(_ value: Double) -> String {
        guard value.isFinite, value >= 0, value < 1e9 else { return "?" }
        return (value < 9.95 ? tenths(value) : String(Int(value.rounded()))) + " tok/s"
    }

    /// A whole number with commas between thousands.
    static func grouped(_ value: Int) -> String {
        var digits = Array(String(value.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// Memory in decimal units, such as `48 MB` or `1.5 GB`; the number and its unit stay on one line.
    static func bytes(_ count: Int) -> String {
        let megabytes = Double(count) / 1e6
        if megabytes >= 999.5 { return tenths(megabytes / 1000) + "\u{A0}GB" }
        return megabytes < 0.95 ? "less than 1 MB" : "\(Int(megabytes.rounded()))\u{A0}MB"
    }

    /// Parameters of a model, such as `135M` or `7B`.
    static func parameters(_ count: Int) -> String {
        let value = Double(count)
        if value >= 9.95e9 { return "\(Int((value / 1e9).rounded()))B" }
        if value >= 1e9 { return tenths(value / 1e9) + "B" }
        return value >= 1e6 ? "\(Int((value / 1e6).rounded()))M" : grouped(count)
    }

    /// Minutes and seconds, such as `02:10`.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e8 else { return "--:--" }
        let whole = Int(seconds)
        return "\(twoDigits(whole / 60)):\(twoDigits(whole % 60))"
    }

    /// A time within a clip, such as `7.5 s` or `02:10`.
    static func frameTime(_ seconds: Double) -> String {
        seconds >= 0 && seconds < 59.95 ? tenths(seconds) + " s" : clock(seconds)
    }

    /// A moment as seen now: the time today, `yesterday`, the day and month, the year when it is another one.
    ///
    /// Both are seconds since 1970; `offset` is the time zone's, in seconds east of Greenwich.
    static func moment(_ time: Double, now: Double, offset: Int) -> String {
        guard time.isFinite, now.isFinite, abs(time) < 1e11, abs(now) < 1e11 else { return "" }
        let local = Int(time.rounded(.down)) + offset
        let day = floorDivided(local, 86400)
        let today = floorDivided(Int(now.rounded(.down)) + offset, 86400)
        if day == today {
            let second = local - day * 86400
            return "\(twoDigits(second / 3600)):\(twoDigits(second / 60 % 60))"
        }
        if day == today - 1 { return "yesterday" }
        let date = civil(day)
        let text = "\(date.day) \(months[date.month - 1])"
        return date.year == civil(today).year ? text : "\(text) \(date.year)"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }

    private static func floorDivided(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    /// The Gregorian date of a day counted from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = floorDivided(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

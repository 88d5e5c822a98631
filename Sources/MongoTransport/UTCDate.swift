/// A day of the Gregorian calendar and a time of day, both UTC.
struct UTCDate: Equatable, CustomStringConvertible {
    let year: Int64
    let month: Int64
    let day: Int64

    /// The day of an instant in seconds since 1970.
    init(_ seconds: Int64) {
        // A year that begins in March has its leap day at the end: 400 of them have 146,097 days, and the months from
        // March on repeat a pattern of 153 days each five.
        let days = Self.quotient(seconds, 86_400) + 719_468
        let era = Self.quotient(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Seconds since 1970 of a date; fields out of range carry over.
    static func seconds(
        year: Int, month: Int, day: Int, hours: Int = 0, minutes: Int = 0, seconds: Int = 0
    ) -> Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let shiftedMonth = Int64(month > 2 ? month - 3 : month + 9)
        let era = quotient(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + Int64(day) - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86_400 + Int64(hours * 3600 + minutes * 60 + seconds)
    }

    /// The date as ISO 8601 has it.
    var description: String {
        "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }

    /// Division that rounds down, also below zero.
    private static func quotient(_ dividend: Int64, _ divisor: Int64) -> Int64 {
        dividend >= 0 ? dividend / divisor : -((-dividend + divisor - 1) / divisor)
    }
}

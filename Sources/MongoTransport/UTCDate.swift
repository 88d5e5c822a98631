#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A day of the Gregorian calendar, UTC.
struct UTCDate: Equatable, CustomStringConvertible {
    let year: Int
    let month: Int
    let day: Int

    /// The day of an instant in seconds since 1970.
    init(_ seconds: Int64) {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        (year, month, day) = (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
    }

    /// Seconds since 1970 of a date; fields out of range carry over.
    static func seconds(
        year: Int, month: Int, day: Int, hours: Int = 0, minutes: Int = 0, seconds: Int = 0
    ) -> Int64 {
        var parts = tm()
        parts.tm_year = Int32(clamping: year - 1900)
        parts.tm_mon = Int32(clamping: month - 1)
        parts.tm_mday = Int32(clamping: day)
        parts.tm_hour = Int32(clamping: hours)
        parts.tm_min = Int32(clamping: minutes)
        parts.tm_sec = Int32(clamping: seconds)
        return Int64(timegm(&parts))
    }

    /// The date as ISO 8601 has it.
    var description: String {
        "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}

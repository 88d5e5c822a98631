#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// When a ticket ends, by both of this machine's clocks. Deadlines go by the one that only runs; libkrb5 goes by the one
/// that can be set, and refuses a ticket that has ended by it, however long it was good before somebody set it.
struct TicketEnd: Sendable {
    /// By the clock that only runs.
    let instant: ContinuousClock.Instant
    /// By the clock that can be set, in seconds since 1970.
    private let second: Int

    /// The end of a ticket that is good for so many seconds more.
    init(after seconds: Int64) {
        let left = max(0, seconds)
        instant = .now + .seconds(left)
        second = time(nil) + Int(left)
    }

    /// How long the ticket is good; negative for one that has ended.
    var left: Duration { min(instant - .now, .seconds(second - time(nil))) }
}

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

    /// How long the ticket is good; negative for one that has ended, and zero where somebody has set the clock since: what
    /// its cache knows of the difference to the KDC's clock is not true any more.
    var left: Duration {
        let (steady, settable) = (instant - .now, Duration.seconds(second - time(nil)))
        let step = steady > settable ? steady - settable : settable - steady
        // Clocks that are only kept right move by a few seconds a day.
        return step > .seconds(60) ? .zero : min(steady, settable)
    }
}

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// When a ticket expires, by both of this machine's clocks. Deadlines use the monotonic clock; libkrb5 uses the wall
/// clock, and refuses a ticket that has expired by it, however long it was valid before that clock was set.
struct TicketEnd: Sendable {
    /// By the monotonic clock.
    let instant: ContinuousClock.Instant
    /// By the wall clock, in seconds since 1970.
    private let second: Int

    /// The end of a ticket that is valid for so many more seconds.
    init(after seconds: Int64) {
        let left = max(0, seconds)
        instant = .now + .seconds(left)
        second = time(nil) + Int(left)
    }

    /// How long the ticket is valid; negative for an expired one, and zero if the wall clock was
    /// set since: the cache's offset to the KDC's clock is then wrong.
    var left: Duration {
        let (steady, settable) = (instant - .now, Duration.seconds(second - time(nil)))
        let step = steady > settable ? steady - settable : settable - steady
        // Clocks that are only adjusted move by a few seconds a day.
        return step > .seconds(60) ? .zero : min(steady, settable)
    }
}

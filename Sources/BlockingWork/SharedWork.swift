/// Work that several concurrent callers request and that runs once, for all of them.
///
/// A caller that comes while the work for a key is under way joins it. Each caller waits with its own deadline and
/// cancellation, without a thread; all of them get the same result or the same error. Work that no caller waits for any
/// more is not started; if it has started, its thread is abandoned, and callers that come before it ends still join it,
/// so that a server that does not answer is asked once, not once for each attempt.
///
/// Results are not cached: a call after the end starts new work.
public final class SharedWork<Key: Hashable & Sendable, Success: Sendable>: Sendable {
    private struct Flight {
        let number: UInt64
        var session: Dispatcher.SessionID?
        var waiters: [UInt64: OneShot<Success>] = [:]
        /// Whether it runs even if no caller waits.
        var isDetached = false
        var hasBegun = false
    }

    private struct State {
        var nextNumber: UInt64 = 0
        var flights: [Key: Flight] = [:]

        mutating func number() -> UInt64 {
            defer { nextNumber += 1 }
            return nextNumber
        }
    }

    private let workers: BlockingWorkers
    private let state = Locked(State())

    /// Creates a place for shared work.
    ///
    /// - Parameter workers: Whose threads do the work.
    public init(workers: BlockingWorkers) {
        self.workers = workers
    }

    /// How many pieces of work are under way.
    package var count: Int { state.withLock { $0.flights.count } }

    /// Joins the work that is under way for a key, or starts it, and waits for its result.
    ///
    /// - Parameters:
    ///   - key: What tells this work from other work; callers with an equal key share one call.
    ///   - deadline: When this caller stops waiting.
    ///   - subject: What the work waits for, for the error at the deadline.
    ///   - body: The work, unless it is under way already.
    /// - Throws: What the work throws; ``BlockingWorkError``; `CancellationError`.
    public func value(
        for key: Key, by deadline: ContinuousClock.Instant,
        waitingFor subject: @autoclosure @escaping @Sendable () -> String,
        _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        try Task.checkCancellation()
        let result = OneShot<Success>()
        let (flight, waiter) = try state.withLock { state in
            let waiter = state.number()
            let flight = try join(key, &state, body)
            state.flights[key]?.waiters[waiter] = result
            return (flight, waiter)
        }
        return try await result.value(
            by: deadline, orThrow: { [self] in .late(hasBegun: hasBegun(key, flight), subject) }
        ) { [self] in leave(key, flight, waiter) }
    }

    /// Starts work for a key, unless it is under way, without waiting. Without a free thread
    /// nothing happens.
    public func begin(for key: Key, _ body: @escaping @Sendable () throws -> Success) {
        state.withLock { state in
            guard (try? join(key, &state, body)) != nil else { return }
            state.flights[key]?.isDetached = true
        }
    }

    /// Finds or starts a flight. The thread is requested under the lock, so that no caller sees a flight without one.
    private func join(
        _ key: Key, _ state: inout State, _ body: @escaping @Sendable () throws -> Success
    ) throws(BlockingWorkError) -> UInt64 {
        if let flight = state.flights[key] { return flight.number }
        let number = state.number()
        let session = try workers.dispatcher.submit { [self] in
            guard hasWaiters(key, number) else { return nil }
            let outcome = Result { try body() }
            return { self.end(key, number, outcome) }
        }
        state.flights[key] = Flight(number: number, session: session)
        return number
    }

    /// Records that the work starts, unless no caller wants it any more.
    private func hasWaiters(_ key: Key, _ number: UInt64) -> Bool {
        state.withLock { state in
            guard state.flights[key]?.number == number else { return false }
            state.flights[key]?.hasBegun = true
            return true
        }
    }

    /// Work that has ended had begun.
    private func hasBegun(_ key: Key, _ number: UInt64) -> Bool {
        state.withLock { state in
            guard let flight = state.flights[key], flight.number == number else { return true }
            return flight.hasBegun
        }
    }

    private func end(_ key: Key, _ number: UInt64, _ outcome: Result<Success, any Error>) {
        let flight = state.withLock { state in
            state.flights[key]?.number == number ? state.flights.removeValue(forKey: key) : nil
        }
        guard let flight else { return }
        for waiter in flight.waiters.values { waiter.resolve(outcome) }
    }

    private func leave(_ key: Key, _ number: UInt64, _ waiter: UInt64) {
        let unwanted: Dispatcher.SessionID? = state.withLock { state in
            guard var flight = state.flights[key], flight.number == number else { return nil }
            flight.waiters[waiter] = nil
            let isUnwanted = flight.waiters.isEmpty && !flight.isDetached
            state.flights[key] = isUnwanted && !flight.hasBegun ? nil : flight
            return isUnwanted ? flight.session : nil
        }
        if let unwanted { workers.dispatcher.abandon(unwanted) }
    }
}

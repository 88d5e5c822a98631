import Dispatch
package import Testing

/// Whether a condition becomes true within a bound that only a broken machine exceeds.
package func becomesTrue(
    within bound: Duration = .seconds(60), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + bound
    var pause = Duration.milliseconds(1)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(50))
    }
    return false
}

/// The same on a thread that may block, as a condition that looks at sockets does; records what did not become true.
package func eventually(
    _ what: Comment, within bound: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @escaping @Sendable () throws -> Bool
) async throws {
    guard try await !becomesTrue(within: bound, { try await offThePool(condition) }) else { return }
    Issue.record(what, sourceLocation: sourceLocation)
}

/// Runs blocking code on its own thread: Swift's few ones are for the tests.
package func offThePool<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
}

/// Measures again and again until a time is short enough. A busy machine can only add to a time, so one good
/// measurement is proof.
package func atBest(
    below limit: Duration, tries: Int = 40, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Duration
) async throws {
    var times: [Duration] = []
    while times.count < tries {
        times.append(try await body())
        if times[times.count - 1] < limit { return }
    }
    Issue.record("never below \(limit): \(times)", sourceLocation: sourceLocation)
}

/// An instant that a test which works never reaches.
package var farAway: ContinuousClock.Instant { .now + .seconds(60) }

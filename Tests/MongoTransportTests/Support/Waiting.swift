import Dispatch
import Testing

/// Looks again and again until a condition holds; the time only bounds a test that fails.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @escaping @Sendable () throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    var pause = Duration.milliseconds(2)
    while try await !offThePool(condition) {
        guard ContinuousClock.now < end else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(100))
    }
}

/// Does what blocks on a thread of its own: Swift's few ones are for the tests.
func offThePool<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
}

/// Measures again and again until a time is short enough. A machine that is busy adds to a time and never takes from it,
/// so once is proof.
func atBest(
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
var farAway: ContinuousClock.Instant { .now + .seconds(60) }

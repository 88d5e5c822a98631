import BlockingWork
import ModuleTestSupport
import Testing

private struct Oops: Error, Hashable {
    var number: Int
}

@Suite(.timeLimit(.minutes(5))) struct BlockingWorkersTests {
    @Test func resultsComeBack() async throws {
        let workers = BlockingWorkers()
        #expect(try await workers.run(by: .never, waitingFor: "a test") { 6 * 7 } == 42)
        #expect(try await workers.run(by: .never, waitingFor: "a test") { "text" as String? } == "text")
        #expect(await workers.becomeQuiet())
    }

    @Test func errorsOfTheWorkComeThroughAsTheyAre() async throws {
        let workers = BlockingWorkers()
        let error = await #expect(throws: Oops.self) {
            try await workers.run(by: .never, waitingFor: "a test") { throw Oops(number: 7) }
        }
        #expect(error == Oops(number: 7))
        // The thread is as good as before.
        #expect(try await workers.run(by: .never, waitingFor: "a test") { 1 } == 1)
        #expect(await workers.becomeQuiet())
    }

    @Test func eachRunsOnAThreadThatIsNotTheCallers() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let threads = Notes<UInt>()
        let tasks = (0..<4).map { _ in
            Task {
                try await workers.run(by: .never, waitingFor: "a test") {
                    threads.add(currentThread())
                    gate.pass()
                }
            }
        }
        #expect(await becomesTrue { threads.all.count == 4 })
        #expect(Set(threads.all).count == 4)
        #expect(workers.statistics.active == 4)
        gate.open()
        for task in tasks { try await task.value }
        #expect(await workers.becomeQuiet())
    }

    // MARK: - Deadlines

    /// The gate opens only after the caller has its error: if it waited for the work, the test would hang.
    @Test func theDeadlineEndsTheWaitWhileTheWorkBlocks() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let passed = Notes<Void>()
        let outcome = await failure {
            try await workers.run(by: .soon, waitingFor: "a test") {
                gate.pass()
                passed.add(())
            }
        }
        #expect(outcome == "deadline-exceeded")
        #expect(passed.all.isEmpty)
        gate.open()
        #expect(await workers.becomeQuiet())
    }

    @Test func aDeadlineInThePastEndsTheWaitToo() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        #expect(
            await failure { try await workers.run(by: .now - .seconds(1), waitingFor: "a test") { gate.pass() } }
                == "deadline-exceeded")
        gate.open()
        #expect(await workers.becomeQuiet())
    }

    @Test func workWhoseDeadlinePassedInTheQueueNeverStarts() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let started = Notes<Void>()
        #expect(
            await failure { try await workers.run(by: .soon, waitingFor: "a test") { started.add(()) } }
                == "deadline-exceeded")
        #expect(workers.statistics.waiting == 0)
        gate.open()
        try await stuck.value
        // The only thread has finished everything that was queued before this.
        try await workers.run(by: .never, waitingFor: "a test") {}
        #expect(started.all.isEmpty)
    }

    @Test func theDeadlinesErrorNamesWhomItWaitedFor() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let error = await #expect(throws: BlockingWorkError.self) {
            // Enough for its thread to begin.
            try await workers.run(by: .now + .seconds(1), waitingFor: "the KDC of EXAMPLE.TEST") { gate.pass() }
        }
        #expect(error?.message == "the deadline passed while waiting for the KDC of EXAMPLE.TEST")
        gate.open()
    }

    // MARK: - Cancellation

    @Test func cancellationEndsTheWaitWhileTheWorkBlocks() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        stuck.cancel()
        await #expect(throws: CancellationError.self) { try await stuck.value }
        #expect(workers.statistics.abandoned == 1)
        #expect(workers.statistics.active == 0)
        gate.open()
        #expect(await workers.becomeQuiet())
    }

    @Test func aCancelledTaskStartsNothing() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let started = Notes<Void>()
        let task = Task {
            // Not before the cancellation.
            await withCheckedContinuation { continuation in
                Task.detached {
                    gate.pass()
                    continuation.resume()
                }
            }
            try await workers.run(by: .never, waitingFor: "a test") { started.add(()) }
        }
        task.cancel()
        gate.open()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(started.all.isEmpty)
        #expect(workers.statistics.description == "0 active, 0 abandoned, 0 waiting, 0 idle")
    }

    @Test func cancelledWorkLeavesTheQueue() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let started = Notes<Void>()
        let queued = Task { try await workers.run(by: .never, waitingFor: "a test") { started.add(()) } }
        #expect(await becomesTrue { workers.statistics.waiting == 1 })
        queued.cancel()
        await #expect(throws: CancellationError.self) { try await queued.value }
        #expect(workers.statistics.waiting == 0)
        #expect(workers.statistics.active == 1)
        gate.open()
        try await stuck.value
        try await workers.run(by: .never, waitingFor: "a test") {}
        #expect(started.all.isEmpty)
    }

    // MARK: - Many

    @Test func aThousandSmallJobs() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 8, maximumIdleThreads: 2))
        let counter = Crowd()
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...1_000 {
                group.addTask {
                    try await workers.run(by: .never, waitingFor: "a test") {
                        counter.enter()
                        defer { counter.leave() }
                        return number
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 500_500)
        #expect(counter.most <= 8)
        #expect(await workers.becomeQuiet())
        #expect(workers.statistics.idle <= 2)
    }

    @Test func aStuckJobDelaysNoOther() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 2))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<50 {
                group.addTask { try await workers.run(by: .never, waitingFor: "a test") { number } }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        // All have ended, and the gate is still closed.
        #expect(numbers == Set(0..<50))
        #expect(workers.statistics.active >= 1)
        gate.open()
        try await stuck.value
        #expect(await workers.becomeQuiet())
    }
}

/// Counts who is inside at the same time.
private final class Crowd: Sendable {
    private let state = Locked((now: 0, most: 0))

    var most: Int { state.withLock { $0.most } }

    func enter() {
        state.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
        }
    }

    func leave() {
        state.withLock { $0.now -= 1 }
    }
}

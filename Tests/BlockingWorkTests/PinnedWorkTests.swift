import BlockingWork
import Testing

/// Notes the threads on which it is made and released. Not `Sendable`, as a C handle is not.
private final class ThreadBound {
    let released: Notes<UInt>
    let made = currentThread()
    var count = 0

    init(_ released: Notes<UInt>) {
        self.released = released
    }

    deinit {
        released.add(currentThread())
    }
}

/// The same without copies.
private struct Unique: ~Copyable {
    let released: Notes<UInt>
    var threads = [currentThread()]

    init(_ released: Notes<UInt>) {
        self.released = released
    }

    deinit {
        released.add(currentThread())
    }
}

private struct Oops: Error {}

@Suite(.timeLimit(.minutes(5))) struct PinnedWorkTests {
    @Test func aStateLivesAndDiesOnOneThread() async throws {
        let workers = BlockingWorkers()
        let released = Notes<UInt>()
        let work = try await workers.pin(by: .never) { ThreadBound(released) }
        var threads: Set<UInt> = []
        for number in 1...20 {
            let (made, used, count) = try await work.run(by: .never) { state in
                state.count += 1
                return (state.made, currentThread(), state.count)
            }
            threads.formUnion([made, used])
            #expect(count == number)
        }
        #expect(released.all.isEmpty)
        work.finish()
        #expect(await becomesTrue { !released.all.isEmpty })
        #expect(released.all == Array(threads))
        #expect(threads.count == 1)
        #expect(await workers.becomeQuiet())
    }

    @Test func aStateNeedNotBeCopyable() async throws {
        let workers = BlockingWorkers()
        let released = Notes<UInt>()
        let work = try await workers.pin(by: .never) { Unique(released) }
        for _ in 0..<3 { try await work.run(by: .never) { $0.threads.append(currentThread()) } }
        let threads = try await work.run(by: .never) { $0.threads }
        #expect(threads.count == 4)
        #expect(Set(threads).count == 1)
        work.finish()
        #expect(await becomesTrue { !released.all.isEmpty })
        #expect(released.all == Array(Set(threads)))
    }

    /// Other work meanwhile does not get the thread.
    @Test func aPinnedThreadIsNobodyElses() async throws {
        let workers = BlockingWorkers()
        let first = try await workers.pin(by: .never) { currentThread() }
        let second = try await workers.pin(by: .never) { currentThread() }
        let own = [try await first.run(by: .never) { $0 }, try await second.run(by: .never) { $0 }]
        #expect(Set(own).count == 2)
        for _ in 0..<10 {
            let other = try await workers.run(by: .never) { currentThread() }
            #expect(!own.contains(other))
        }
        #expect(workers.statistics.active >= 2)
        first.finish()
        second.finish()
        #expect(await workers.becomeQuiet())
    }

    @Test func theLastReferenceFinishes() async throws {
        let workers = BlockingWorkers()
        let released = Notes<UInt>()
        do {
            let work = try await workers.pin(by: .never) { ThreadBound(released) }
            try await work.run(by: .never) { $0.count += 1 }
        }
        #expect(await becomesTrue { released.all.count == 1 })
        #expect(await workers.becomeQuiet())
    }

    // MARK: - Errors

    @Test func aStateThatCannotBeMadeGivesTheThreadBack() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        await #expect(throws: Oops.self) {
            try await workers.pin(by: .never) { () throws -> ThreadBound in throw Oops() }
        }
        #expect(try await workers.run(by: .never) { 1 } == 1)
        #expect(await workers.becomeQuiet())
    }

    @Test func anErrorOfTheWorkLeavesTheStateUsable() async throws {
        let workers = BlockingWorkers()
        let work = try await workers.pin(by: .never) { 1 }
        await #expect(throws: Oops.self) {
            try await work.run(by: .never) { state in
                state = 2
                throw Oops()
            }
        }
        #expect(try await work.run(by: .never) { $0 } == 2)
    }

    @Test func nothingRunsAfterTheEnd() async throws {
        let workers = BlockingWorkers()
        let work = try await workers.pin(by: .never) { 1 }
        work.finish()
        work.finish()
        #expect(await failure { try await work.run(by: .never) { $0 } } == "abandoned")
        #expect(await workers.becomeQuiet())
    }

    /// What was handed in before the end is done and its result arrives.
    @Test func finishingWaitsForTheCallUnderWay() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let started = Notes<Void>()
        let released = Notes<UInt>()
        let work = try await workers.pin(by: .never) { ThreadBound(released) }
        let task = Task {
            try await work.run(by: .never) { state in
                started.add(())
                gate.pass()
                return state.made
            }
        }
        #expect(await becomesTrue { !started.all.isEmpty })
        work.finish()
        #expect(released.all.isEmpty)
        gate.open()
        let thread = try await task.value
        #expect(await becomesTrue { released.all == [thread] })
    }

    /// When the call returns, nothing of the state is left.
    @Test(arguments: [false, true])
    func theEndCanBeWaitedFor(isCancelled: Bool) async throws {
        let workers = BlockingWorkers()
        let released = Notes<UInt>()
        let work = try await workers.pin(by: .never) { ThreadBound(released) }
        let thread = try await work.run(by: .never) { $0.made }
        let task = Task { await work.finishAndWait() }
        // A cancelled task has to wait too.
        if isCancelled { task.cancel() }
        await task.value
        #expect(released.all == [thread])
        #expect(await failure { try await work.run(by: .never) { _ in } } == "abandoned")
    }

    // MARK: - Abandonment

    enum End: CaseIterable, Sendable {
        case deadline, cancellation

        /// Ends the wait for work that stands at a gate.
        fileprivate func provoke(_ work: PinnedWork<ThreadBound>, _ gate: Gate) async throws {
            switch self {
            case .deadline:
                // Long enough for the thread, which is there already, to take up the call.
                let deadline = ContinuousClock.now + .seconds(1)
                #expect(await failure { try await work.run(by: deadline) { _ in gate.pass() } } == "deadline-exceeded")
            case .cancellation:
                let started = Notes<Void>()
                let task = Task {
                    try await work.run(by: .never) { _ in
                        started.add(())
                        gate.pass()
                    }
                }
                #expect(await becomesTrue { !started.all.isEmpty })
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
    }

    @Test(arguments: End.allCases)
    func anAbandonedWorkerFreesItsStateOnItsOwnThread(_ end: End) async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let released = Notes<UInt>()
        let work = try await workers.pin(by: .never) { ThreadBound(released) }
        let thread = try await work.run(by: .never) { $0.made }
        try await end.provoke(work, gate)
        // The caller is free and the worker is not: it takes nothing more, but another has its place.
        #expect(await failure { try await work.run(by: .never) { _ in } } == "abandoned")
        #expect(workers.statistics.abandoned == 1)
        #expect(try await workers.run(by: .never) { currentThread() } != thread)
        // It may be stuck for long: nobody waits for its end.
        await work.finishAndWait()
        #expect(released.all.isEmpty)
        gate.open()
        #expect(await becomesTrue { released.all == [thread] })
        #expect(await workers.becomeQuiet())
    }

    @Test func theDeadlineCoversTheMakingOfTheState() async throws {
        let workers = BlockingWorkers()
        let gate = Gate()
        let made = Notes<UInt>()
        let released = Notes<UInt>()
        let outcome = await failure {
            _ = try await workers.pin(by: .now + .milliseconds(200)) {
                made.add(currentThread())
                gate.pass()
                return ThreadBound(released)
            }
        }
        #expect(outcome == "deadline-exceeded")
        #expect(released.all.isEmpty)
        gate.open()
        #expect(await workers.becomeQuiet())
        // A state that was made too late is released where it was made.
        #expect(released.all == made.all)
    }

    @Test func theDeadlineCoversTheWaitForAThread() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let pinned = try await workers.pin(by: .never) { 1 }
        let made = Notes<Void>()
        #expect(
            await failure {
                _ = try await workers.pin(by: .soon) { made.add(()) }
            } == "deadline-exceeded")
        #expect(workers.statistics.waiting == 0)
        pinned.finish()
        try await workers.run(by: .never) {}
        #expect(made.all.isEmpty)
    }
}

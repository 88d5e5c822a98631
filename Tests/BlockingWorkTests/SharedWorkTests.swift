import BlockingWork
import ModuleTestSupport
import Testing

/// Work with many callers that runs once.
@Suite(.timeLimit(.minutes(5))) struct SharedWorkTests {
    private let workers = BlockingWorkers()

    @Test func oneRunServesAllWhoAskMeanwhile() async throws {
        let work = SharedWork<String, Int>(workers: workers)
        let (gate, runs) = (Gate(), Notes<Int>())
        let tasks = (0..<100).map { number in
            Task {
                try await work.value(for: "key", by: .never, waitingFor: "a test") {
                    runs.add(number)
                    gate.pass()
                    return 7
                }
            }
        }
        #expect(await becomesTrue { runs.all.count == 1 })
        #expect(workers.statistics.active == 1)
        gate.open()
        for task in tasks { #expect(try await task.value == 7) }
        // Callers after the end started it again, never two at once.
        #expect(work.count == 0)
        #expect(try await work.value(for: "key", by: .never, waitingFor: "a test") { 8 } == 8)
    }

    @Test func keysAreApart() async throws {
        let work = SharedWork<Int, Int>(workers: workers)
        let gate = Gate()
        let stuck = Task {
            try await work.value(for: 1, by: .never, waitingFor: "a test") {
                gate.pass()
                return 1
            }
        }
        #expect(await becomesTrue { work.count == 1 })
        #expect(try await work.value(for: 2, by: .never, waitingFor: "a test") { 2 } == 2)
        gate.open()
        #expect(try await stuck.value == 1)
    }

    private struct Refusal: Error {}

    @Test func aFailureIsEverybodys() async throws {
        let work = SharedWork<String, Int>(workers: workers)
        let (gate, runs) = (Gate(), Notes<Void>())
        let tasks = (0..<10).map { _ in
            Task {
                try await work.value(for: "key", by: .never, waitingFor: "a test") {
                    runs.add(())
                    gate.pass()
                    throw Refusal()
                }
            }
        }
        #expect(await becomesTrue { runs.all.count == 1 })
        gate.open()
        for task in tasks { await #expect(throws: Refusal.self) { try await task.value } }
    }

    /// Each leaves at its own time; the work goes on, and who comes later joins it.
    @Test func deadlinesAndCancellationsAreEachOnesOwn() async throws {
        let work = SharedWork<String, Int>(workers: workers)
        let (gate, runs) = (Gate(), Notes<Void>())
        let body: @Sendable () -> Int = {
            runs.add(())
            gate.pass()
            return 7
        }
        let first = Task { try await work.value(for: "key", by: .never, waitingFor: "a test", body) }
        #expect(await becomesTrue { runs.all.count == 1 })
        let deadline = ContinuousClock.Instant.soon
        #expect(
            await failure { try await work.value(for: "key", by: deadline, waitingFor: "a test", body) }
                == "deadline-exceeded")
        #expect(ContinuousClock.now >= deadline)
        #expect(workers.statistics.description == "1 active, 0 abandoned, 0 waiting, 0 idle")
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        // Without a waiting caller the thread no longer counts, and is still working.
        #expect(workers.statistics.description == "0 active, 1 abandoned, 0 waiting, 0 idle")
        let late = Task { try await work.value(for: "key", by: .never, waitingFor: "a test", body) }
        gate.open()
        #expect(try await late.value == 7)
        #expect(await workers.becomeQuiet())
        #expect(runs.all.count <= 2)
    }

    @Test func whatNobodyWaitsForDoesNotBegin() async throws {
        let few = BlockingWorkers(limits: .init(maximumThreads: 1))
        let work = SharedWork<String, Int>(workers: few)
        let (gate, runs) = (Gate(), Notes<Void>())
        let stuck = try await few.occupy(gate)
        let body: @Sendable () -> Int = {
            runs.add(())
            return 1
        }
        #expect(
            await failure { try await work.value(for: "key", by: .soon, waitingFor: "a test", body) }
                == "deadline-exceeded")
        #expect(work.count == 0 && few.statistics.waiting == 0)
        gate.open()
        try await stuck.value
        #expect(try await work.value(for: "key", by: .never, waitingFor: "a test", body) == 1)
        #expect(runs.all.count == 1)
    }

    @Test func workThatIsBegunForNobodyRuns() async throws {
        let work = SharedWork<String, Int>(workers: workers)
        let (gate, runs) = (Gate(), Notes<Void>())
        for _ in 0..<3 {
            work.begin(for: "key") {
                runs.add(())
                gate.pass()
                return 5
            }
        }
        #expect(await becomesTrue { runs.all.count == 1 })
        let joined = Task { try await work.value(for: "key", by: .never, waitingFor: "a test") { 6 } }
        #expect(
            await failure { try await work.value(for: "key", by: .soon, waitingFor: "a test") { 6 } }
                == "deadline-exceeded")
        gate.open()
        #expect([5, 6].contains(try await joined.value))
        #expect(await workers.becomeQuiet())
        #expect(runs.all.count == 1)
    }

    @Test func aFullHouseRefuses() async throws {
        let few = BlockingWorkers(limits: .init(maximumThreads: 1, maximumWaiting: 0))
        let work = SharedWork<String, Int>(workers: few)
        let gate = Gate()
        let stuck = try await few.occupy(gate)
        #expect(
            await failure { try await work.value(for: "key", by: .never, waitingFor: "a test") { 1 } } == "exhausted")
        work.begin(for: "key") { 1 }
        #expect(work.count == 0)
        gate.open()
        try await stuck.value
    }

    /// A caller with the result finds the thread free.
    @Test func aResultComesAfterItsThreadIsFree() async throws {
        let one = BlockingWorkers(limits: .init(maximumThreads: 1, maximumWaiting: 0))
        let work = SharedWork<Int, Int>(workers: one)
        for number in 0..<500 {
            #expect(try await one.run(by: .never, waitingFor: "a test") { number } == number)
            #expect(try await work.value(for: number, by: .never, waitingFor: "a test") { number } == number)
        }
    }
}

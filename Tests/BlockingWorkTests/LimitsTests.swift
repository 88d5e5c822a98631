import BlockingWork
import ModuleTestSupport
import Testing

/// The bounds on threads and queue.
@Suite(.timeLimit(.minutes(5))) struct LimitsTests {
    @Test func limitsAreRaisedToWhatCanWork() {
        let limits = BlockingWorkers.Limits(
            maximumThreads: 0, maximumAbandoned: -1, maximumWaiting: -1, maximumIdleThreads: -5)
        #expect(limits.maximumThreads == 1)
        #expect(limits.maximumAbandoned == 1)
        #expect(limits.maximumWaiting == 0)
        #expect(limits.maximumIdleThreads == 0)
    }

    @Test func aFullHouseQueuesThenRefuses() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 2, maximumWaiting: 1))
        let gate = Gate()
        let stuck = [try await workers.occupy(gate), try await workers.occupy(gate)]
        let queued = Task { try await workers.run(by: .never, waitingFor: "a test") { 3 } }
        #expect(await becomesTrue { workers.statistics.waiting == 1 })
        let error = await #expect(throws: BlockingWorkError.self) {
            try await workers.run(by: .never, waitingFor: "a test") {}
        }
        #expect(error?.code == .exhausted)
        #expect(error?.message.contains("2 active, 0 abandoned, 1 waiting, 0 idle") == true)
        gate.open()
        for task in stuck { try await task.value }
        #expect(try await queued.value == 3)
        #expect(await workers.becomeQuiet())
    }

    /// A caller without a thread by the deadline made no request, and its error does not say that a peer was silent.
    @Test func workThatHasNotBegunSaysSo() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let late = await #expect(throws: BlockingWorkError.self) {
            try await workers.run(by: .now + .milliseconds(10), waitingFor: "a KDC") {}
        }
        #expect(late?.code == .deadlineExceeded && late?.hasBegun == false)
        #expect(late?.message.contains("before a thread was free") == true)
        let shared = SharedWork<Int, Int>(workers: workers)
        let second = await #expect(throws: BlockingWorkError.self) {
            try await shared.value(for: 1, by: .now + .milliseconds(10), waitingFor: "a KDC") { 1 }
        }
        #expect(second?.hasBegun == false)
        gate.open()
        try await stuck.value
        let silent = Gate()
        let begun = await #expect(throws: BlockingWorkError.self) {
            try await shared.value(for: 2, by: .now + .seconds(1), waitingFor: "a KDC") {
                silent.pass()
                return 2
            }
        }
        silent.open()
        #expect(begun?.hasBegun == true && begun?.message == "the deadline passed while waiting for a KDC")
    }

    @Test func theQueueIsServedInOrder() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let order = Notes<Int>()
        var queued: [Task<Void, any Error>] = []
        for number in 0..<10 {
            queued.append(Task { try await workers.run(by: .never, waitingFor: "a test") { order.add(number) } })
            #expect(await becomesTrue { workers.statistics.waiting == number + 1 })
        }
        gate.open()
        try await stuck.value
        for task in queued { try await task.value }
        #expect(order.all == Array(0..<10))
    }

    @Test func anAbandonedThreadMakesRoom() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1, maximumAbandoned: 2))
        let gate = Gate()
        for count in 1...2 {
            let stuck = try await workers.occupy(gate)
            stuck.cancel()
            await #expect(throws: CancellationError.self) { try await stuck.value }
            #expect(workers.statistics.abandoned == count)
            // The abandoned ones are still at the gate; this one has a thread of its own.
            #expect(try await workers.run(by: .never, waitingFor: "a test") { count } == count)
            #expect(await becomesTrue { workers.statistics.active == 0 })
        }
        gate.open()
        #expect(await workers.becomeQuiet())
    }

    @Test func whatWaitsTakesTheRoomAtOnce() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1))
        let gate = Gate()
        let stuck = try await workers.occupy(gate)
        let queued = Task { try await workers.run(by: .never, waitingFor: "a test") { 5 } }
        #expect(await becomesTrue { workers.statistics.waiting == 1 })
        stuck.cancel()
        // The gate is closed, so this can only be the work of another thread.
        #expect(try await queued.value == 5)
        gate.open()
        #expect(await workers.becomeQuiet())
    }

    @Test func beyondTheCapAbandonedThreadsCountAsActive() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1, maximumAbandoned: 1))
        let gate = Gate()
        for _ in 0..<2 {
            let stuck = try await workers.occupy(gate)
            stuck.cancel()
            await #expect(throws: CancellationError.self) { try await stuck.value }
        }
        #expect(workers.statistics.description == "1 active, 1 abandoned, 0 waiting, 0 idle")
        // No thread is left, so that the deadline ends the wait.
        let started = Notes<Void>()
        #expect(
            await failure { try await workers.run(by: .soon, waitingFor: "a test") { started.add(()) } }
                == "deadline-exceeded")
        #expect(started.all.isEmpty)
        gate.open()
        #expect(await workers.becomeQuiet())
        #expect(try await workers.run(by: .never, waitingFor: "a test") { 1 } == 1)
    }

    @Test(arguments: [0, 1, 3])
    func idleThreadsAreKeptUpToTheLimit(limit: Int) async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 6, maximumIdleThreads: limit))
        let gate = Gate()
        var tasks: [Task<Void, any Error>] = []
        for _ in 0..<6 { tasks.append(try await workers.occupy(gate)) }
        gate.open()
        for task in tasks { try await task.value }
        #expect(await workers.becomeQuiet())
        #expect(workers.statistics.idle == limit)
    }

    @Test(arguments: [
        (BlockingWorkError.Code.deadlineExceeded, "deadline-exceeded"), (.exhausted, "exhausted"),
    ])
    func codesHaveStableNames(code: BlockingWorkError.Code, name: String) {
        #expect(BlockingWorkError(code, "text").description == "\(name): text")
    }
}

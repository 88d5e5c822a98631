import BlockingWork
import Testing

/// States of many conversations on a few threads.
@Suite(.timeLimit(.minutes(5))) struct SharedThreadsTests {
    /// A state that notes the thread of its end.
    private final class State {
        let thread = currentThread()
        var steps = 0
        private let ends: Notes<Bool>

        init(_ ends: Notes<Bool>) {
            self.ends = ends
        }

        deinit {
            ends.add(thread == currentThread())
        }
    }

    @Test func manyStatesLiveOnAFewThreads() async throws {
        let threads = SharedThreads<State>(maximumThreads: 3)
        let ends = Notes<Bool>()
        let places = try await withThrowingTaskGroup(of: PlacedWork<State>.self) { group in
            for _ in 0..<200 { group.addTask { try await threads.place(by: .never) { State(ends) } } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(threads.statistics.active == 3)
        let homes = try await withThrowingTaskGroup(of: UInt?.self) { group in
            for place in places {
                group.addTask {
                    for step in 1...5 {
                        let isRight = try await place.run(by: .never) { state in
                            state.steps += 1
                            return state.steps == step && state.thread == currentThread()
                        }
                        guard isRight else { return nil }
                    }
                    return try await place.run(by: .never) { $0.thread }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(homes.allSatisfy { $0 != nil } && Set(homes).count == 3)
        #expect(ends.all.isEmpty)
        for place in places { await place.finishAndWait() }
        #expect(ends.all == [Bool](repeating: true, count: 200))
        #expect(await becomesTrue { threads.statistics.active == 0 })
    }

    @Test func aStateGoesWithTheLastReference() async throws {
        let threads = SharedThreads<State>(maximumThreads: 2)
        let ends = Notes<Bool>()
        _ = try await threads.place(by: .never) { State(ends) }
        #expect(await becomesTrue { ends.all == [true] })
        #expect(await becomesTrue { threads.statistics.active == 0 })
    }

    private struct Refusal: Error {}

    @Test func errorsLeaveTheOthersAlone() async throws {
        let threads = SharedThreads<Int>(maximumThreads: 1)
        let place = try await threads.place(by: .never) { 1 }
        await #expect(throws: Refusal.self) { try await threads.place(by: .never) { throw Refusal() } }
        await #expect(throws: Refusal.self) { try await place.run(by: .never) { _ in throw Refusal() } }
        #expect(try await place.run(by: .never) { $0 } == 1)
        await place.finishAndWait()
        #expect(await failure { try await place.run(by: .never) { $0 } } == "abandoned")
        await place.finishAndWait()
        #expect(await becomesTrue { threads.statistics.active == 0 })
    }

    /// A call that blocks although it must not: its caller ends, and the next ones have another thread.
    @Test func aThreadThatIsStuckIsAvoided() async throws {
        let threads = SharedThreads<State>(maximumThreads: 1)
        let (gate, ends) = (Gate(), Notes<Bool>())
        let stuck = try await threads.place(by: .never) { State(ends) }
        let beside = try await threads.place(by: .never) { State(ends) }
        #expect(await failure { try await stuck.run(by: .soon) { _ in gate.pass() } } == "deadline-exceeded")
        #expect(threads.statistics.description == "0 active, 1 abandoned, 0 waiting, 0 idle")
        let free = try await threads.place(by: .never) { State(ends) }
        #expect(try await free.run(by: .never) { $0.thread == currentThread() })
        #expect(await failure { try await beside.run(by: .soon) { $0.steps } } == "deadline-exceeded")
        await free.finishAndWait()
        #expect(ends.all == [true])
        gate.open()
        #expect(await becomesTrue { ends.all == [true, true, true] })
        #expect(
            await becomesTrue { threads.statistics.active == 0 && threads.statistics.abandoned == 0 })
    }

    @Test func aCancellationEndsTheWait() async throws {
        let threads = SharedThreads<Int>(maximumThreads: 1)
        let (gate, begun) = (Gate(), Notes<Void>())
        let place = try await threads.place(by: .never) { 1 }
        let task = Task {
            try await place.run(by: .never) { _ in
                begun.add(())
                gate.pass()
            }
        }
        #expect(await becomesTrue { !begun.all.isEmpty })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        gate.open()
        #expect(await becomesTrue { threads.statistics.abandoned == 0 && threads.statistics.active == 0 })
    }
}

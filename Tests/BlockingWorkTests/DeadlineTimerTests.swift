import ModuleTestSupport
import Testing

@testable import BlockingWork

@Suite struct DeadlineTimerTests {
    @Test func firesInTheOrderOfTheInstantsAndNotBeforeThem() async throws {
        let fired = Notes<(Int, ContinuousClock.Instant)>()
        let start = ContinuousClock.now
        for number in [3, 1, 2] {
            _ = try DeadlineTimer.schedule(at: start + .milliseconds(20 * number)) { fired.add((number, .now)) }
        }
        #expect(await becomesTrue { fired.all.count == 3 })
        #expect(fired.all.map(\.0) == [1, 2, 3])
        #expect(fired.all.allSatisfy { $0.1 >= start + .milliseconds(20 * $0.0) })
    }

    @Test func anInstantThatHasPassedFiresAtOnce() async throws {
        let fired = Notes<Void>()
        _ = try DeadlineTimer.schedule(at: .now - .seconds(5)) { fired.add(()) }
        #expect(await becomesTrue { fired.all.count == 1 })
    }

    /// A timer that comes first although the thread already sleeps for a later one.
    @Test func anEarlierInstantWakesTheThread() async throws {
        let fired = Notes<String>()
        let late = try DeadlineTimer.schedule(at: .never) { fired.add("late") }
        _ = try DeadlineTimer.schedule(at: .soon) { fired.add("early") }
        #expect(await becomesTrue { fired.all == ["early"] })
        late.cancel()
    }

    @Test func aCancelledTimerDoesNothingAndLetsGoAtOnce() async throws {
        final class Held: Sendable {
            let released: Notes<Void>
            init(_ released: Notes<Void>) { self.released = released }
            deinit { released.add(()) }
        }
        let (released, fired) = (Notes<Void>(), Notes<Void>())
        let timers = try (0..<1000).map { _ in
            let held = Held(released)
            return try DeadlineTimer.schedule(at: .never) { withExtendedLifetime(held) { fired.add(()) } }
        }
        for timer in timers { timer.cancel() }
        #expect(released.all.count == 1000)
        #expect(fired.all.isEmpty)
        timers.first?.cancel()
    }

    @Test func aHeapGivesTheEarliestAndForgetsTheCancelled() {
        var heap = TimerHeap()
        let start = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        let numbers = (0..<500).map { UInt64($0) }.shuffled(using: &generator)
        for number in numbers { heap.insert(start + .milliseconds(Int64(number)), number) }
        heap.compact(live: 100) { $0 % 5 == 0 }
        #expect(heap.count == 100)
        var order: [UInt64] = []
        while let first = heap.first {
            order.append(first.number)
            heap.removeFirst()
        }
        #expect(order == (0..<500).filter { $0 % 5 == 0 })
    }

    @Test func aLockedValueIsReachedByOneThreadAtATime() async {
        let total = Locked(0)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask { for _ in 0..<10_000 { total.withLock { $0 += 1 } } }
            }
        }
        #expect(total.withLock { $0 } == 80_000)
    }
}

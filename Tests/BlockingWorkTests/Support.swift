import BlockingWork
import Dispatch
import ModuleTestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A gate that blocking calls wait at: closed until it is opened, then open for ever.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    /// Blocks the thread, as a C call does.
    func pass() {
        semaphore.wait()
        semaphore.signal()
    }

    func open() {
        semaphore.signal()
    }
}

/// A list that any thread may write.
final class Notes<Element: Sendable>: Sendable {
    private let state = Locked<[Element]>([])

    var all: [Element] { state.withLock { $0 } }

    func add(_ element: Element) {
        state.withLock { $0.append(element) }
    }
}

/// The calling thread, by a number that no other living thread of the process has.
func currentThread() -> UInt {
    #if canImport(Darwin)
    UInt(bitPattern: pthread_self())
    #else
    UInt(pthread_self())
    #endif
}

extension ContinuousClock.Instant {
    /// So far away that only a broken machine reaches it.
    static var never: ContinuousClock.Instant { .now + .seconds(120) }
    /// Near enough to wait for.
    static var soon: ContinuousClock.Instant { .now + .milliseconds(50) }
}

extension BlockingWorkers {
    /// Waits until no thread is at work and nothing waits for one.
    func becomeQuiet() async -> Bool {
        await becomesTrue { statistics.active == 0 && statistics.abandoned == 0 && statistics.waiting == 0 }
    }

    /// Starts work that stands at a gate, and waits until it has a thread.
    func occupy(_ gate: Gate) async throws -> Task<Void, any Error> {
        let started = Notes<Void>()
        let task = Task {
            try await run(by: .never, waitingFor: "a gate") {
                started.add(())
                gate.pass()
            }
        }
        guard await becomesTrue({ !started.all.isEmpty }) else { throw BlockingWorkError(.exhausted, "never started") }
        return task
    }
}

/// The code of a blocking work's error, or a description of what else happened.
func failure<R>(_ body: () async throws -> R) async -> String {
    do {
        return "success: \(try await body())"
    } catch let error as BlockingWorkError {
        return error.code.description
    } catch {
        return "\(type(of: error))"
    }
}

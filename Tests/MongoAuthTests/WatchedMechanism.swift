import Dispatch
import NIOConcurrencyHelpers
import SASL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The lifetime of one exchange, and its threads.
final class Life: Sendable {
    struct Event: Sendable {
        var what: String
        var thread: UInt
    }

    private let list = NIOLockedValueBox<[Event]>([])
    private let release = Signal()

    var events: [Event] { list.withLockedValue { $0 } }
    var isReleased: Bool { release.isGiven }

    /// Returns when the exchange is gone.
    func released() async { await release.given() }

    func note(_ what: String) {
        list.withLockedValue { $0.append(Event(what: what, thread: Self.currentThread)) }
        if what == "release" { release.give() }
    }

    /// The calling thread, by a number that no other living thread of the process has.
    static var currentThread: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }
}

/// A one-time event that a task can wait for.
final class Signal: Sendable {
    private struct State {
        var isGiven = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    var isGiven: Bool { state.withLockedValue { $0.isGiven } }

    func give() {
        let waiters = state.withLockedValue { state in
            state.isGiven = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func given() async {
        await withCheckedContinuation { waiter in
            let isGiven = state.withLockedValue { state in
                if !state.isGiven { state.waiters.append(waiter) }
                return state.isGiven
            }
            if isGiven { waiter.resume() }
        }
    }
}

/// A gate that steps wait at, as C calls do: closed until it is opened, then open for ever.
final class Door: Sendable {
    private struct State {
        var count = 0
        var waiters: [(count: Int, waiter: Signal)] = []
    }

    private let semaphore = DispatchSemaphore(value: 0)
    private let state = NIOLockedValueBox(State())

    /// Whether a step has come to it.
    var isReached: Bool { state.withLockedValue { $0.count > 0 } }

    /// Returns when so many steps have come to it.
    func reached(by count: Int = 1) async {
        let arrival = Signal()
        let isReached = state.withLockedValue { state in
            state.waiters.append((count, arrival))
            return state.count >= count
        }
        if !isReached { await arrival.given() }
    }

    func pass() {
        let satisfied = state.withLockedValue { state in
            state.count += 1
            return state.waiters.filter { $0.count <= state.count }
        }
        for (_, waiter) in satisfied { waiter.give() }
        semaphore.wait()
        semaphore.signal()
    }

    func open() {
        semaphore.signal()
    }
}

/// A mechanism by script, whose exchange notes where it is made, used and released.
struct WatchedMechanism: SaslMechanism {
    enum Step: Sendable {
        case respond([UInt8])
        case done
        case fail(SaslError.Code)
        /// Blocks the thread, then is done.
        case block(Door)
    }

    /// The message of each error.
    static let complaint = "by script"

    let life = Life()
    private let steps: [Step]
    private let makeFailure: SaslError.Code?

    let name: SaslMechanismName
    private let mayBlock: Bool

    init(_ steps: [Step], named name: String = "EXTERNAL", mayBlock: Bool = true, makeFailure: SaslError.Code? = nil) {
        self.name = SaslMechanismName(name) ?? .external
        self.mayBlock = mayBlock
        self.steps = steps
        self.makeFailure = makeFailure
    }

    var traits: SaslMechanismTraits { SaslMechanismTraits(mayBlock: mayBlock) }

    func makeExchange() throws(SaslError) -> Exchange {
        if let makeFailure { throw SaslError(makeFailure, Self.complaint) }
        return Exchange(steps, life)
    }

    final class Exchange: SaslExchange {
        private var steps: ArraySlice<Step>
        private let life: Life
        private(set) var isComplete = false

        init(_ steps: [Step], _ life: Life) {
            self.steps = steps[...]
            self.life = life
            life.note("make")
        }

        deinit {
            life.note("release")
        }

        func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
            life.note("step \(challenge.map { "\($0)" } ?? "nil")")
            switch steps.popFirst() {
            case .respond(let bytes):
                return .respond(bytes)
            case .block(let door):
                door.pass()
            case .done:
                break
            case .fail(let code):
                throw SaslError(code, WatchedMechanism.complaint)
            case nil:
                throw SaslError(.poisoned, "the script has no further step")
            }
            isComplete = true
            return .done
        }
    }
}

internal import CKerberosGSSAPI
internal import GSSCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Lets a process exit while threads run in the C library.
///
/// The library destroys its mutexes when the process exits, and aborts it when a thread then locks one. So the exit
/// waits for threads that compute, which takes milliseconds; a thread that waits for a KDC is kept from returning, and
/// no thread enters any more: what it would release is not released, as the process ends anyway. If a thread computes
/// for longer than a second, on an overloaded machine, the process ends without the exit handlers that were registered
/// before this library's first use.
enum ExitGate {
    /// How many threads compute in the library.
    private static let inside = Atomic<Int>(0)
    private static let isExiting = Atomic<Bool>(false)
    private static let isFlushed = Atomic<Bool>(false)

    /// Where a thread notes how deep it is inside, times two, and in the lowest bit whether it waits for a KDC.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        #if canImport(Glibc)
        on_exit(
            { status, _ in
                if ExitGate.close() { return }
                // A thread still inside must not find destroyed mutexes, so nothing is destroyed any more.
                ExitGate.flush()
                _exit(status)
            }, nil)
        #endif
        // The first use may come while the process exits: too late for a handler.
        if !cgss_at_end({ _ = ExitGate.close() }) { isExiting.store(true, ordering: .sequentiallyConsistent) }
        return key
    }()

    /// Flushes what the process has printed. A thread that holds a stream's lock, perhaps to read from it, is not
    /// waited for long.
    private static func flush() {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { _ in
                fflush(nil)
                ExitGate.isFlushed.store(true, ordering: .sequentiallyConsistent)
                return nil
            }, nil)
        for _ in 0..<100 where !isFlushed.load(ordering: .sequentiallyConsistent) { usleep(1000) }
    }

    /// Lets no thread in any more, and waits for those inside.
    ///
    /// - Returns: Whether all have left. The wait is bounded: a thread may be in a look-up of a KDC, which is not
    ///   reported.
    private static func close() -> Bool {
        if isExiting.load(ordering: .sequentiallyConsistent) { return isEmpty }
        // The thread that ends the process must not wait for itself, nor be kept out from here on.
        if isCounted { inside.subtract(1, ordering: .sequentiallyConsistent) }
        note += 2
        isExiting.store(true, ordering: .sequentiallyConsistent)
        for _ in 0..<1000 where !isEmpty { usleep(1000) }
        return isEmpty
    }

    private static var isEmpty: Bool { inside.load(ordering: .sequentiallyConsistent) == 0 }

    private static var note: Int {
        get { Int(bitPattern: pthread_getspecific(key)) }
        set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue)) }
    }

    /// Whether this thread is one of those inside.
    private static var isCounted: Bool { note >= 2 && note & 1 == 0 }

    /// - Returns: Whether the thread is inside; `false` if the process is ending. It does not wait: an event loop has
    ///   to end.
    static func enter() -> Bool {
        if note == 0, !comeIn() { return false }
        note += 2
        return true
    }

    static func leave() {
        note -= 2
        if note == 0 { inside.subtract(1, ordering: .sequentiallyConsistent) }
        if note == 1 { note = 0 }
    }

    /// - Throws: ``ending`` instead of calling the closure.
    static func run<R>(_ body: () -> R) throws(GSSError) -> R {
        guard enter() else { throw ending }
        defer { leave() }
        return body()
    }

    /// The error of a call that comes too late.
    static var ending: GSSError {
        GSSError(call: "exit", major: GSSMajorStatus(.unavailable), majorMessages: ["the process is ending"])
    }

    /// A thread inside begins to wait for a KDC.
    static func suspend() {
        guard isCounted else { return }
        note |= 1
        inside.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// Its wait is over.
    static func resume() {
        guard note & 1 == 1 else { return }
        // The library cannot be told to stop here. The process ends, and this thread with it.
        while !comeIn() { sleep(3600) }
        note &= ~1
    }

    private static func comeIn() -> Bool {
        inside.add(1, ordering: .sequentiallyConsistent)
        guard isExiting.load(ordering: .sequentiallyConsistent) else { return true }
        inside.subtract(1, ordering: .sequentiallyConsistent)
        return false
    }
}

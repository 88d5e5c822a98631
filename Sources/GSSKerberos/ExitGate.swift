internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Lets a process end while threads are at work in the C library.
///
/// The library takes its mutexes away when the process exits, and aborts it when a thread then locks one. So the exit
/// waits for those that compute, which takes milliseconds; one that waits for a KDC is kept from coming back.
enum ExitGate {
    /// How many threads compute in the library.
    private static let inside = Atomic<Int>(0)
    private static let isExiting = Atomic<Bool>(false)

    /// Where a thread notes how deep it is inside, times two, and in the lowest bit whether it waits for a KDC.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        // It runs before the library's own, which was there first.
        atexit {
            // The thread that ends the process is not to wait for itself.
            ExitGate.note += 2
            ExitGate.isExiting.store(true, ordering: .sequentiallyConsistent)
            // Bounded: a thread may be in a look-up of a KDC, which nothing tells of.
            for _ in 0..<1000 where ExitGate.inside.load(ordering: .sequentiallyConsistent) > 0 { usleep(1000) }
        }
        return key
    }()

    private static var note: Int {
        get { Int(bitPattern: pthread_getspecific(key)) }
        set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue)) }
    }

    static func enter() {
        if note == 0 { comeIn() }
        note += 2
    }

    static func leave() {
        note -= 2
        if note == 0 { inside.subtract(1, ordering: .sequentiallyConsistent) }
        if note == 1 { note = 0 }
    }

    static func run<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        enter()
        defer { leave() }
        return try body()
    }

    /// A thread inside begins to wait for a KDC.
    static func suspend() {
        guard note >= 2, note & 1 == 0 else { return }
        note |= 1
        inside.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// Its wait is over.
    static func resume() {
        guard note & 1 == 1 else { return }
        comeIn()
        note &= ~1
    }

    private static func comeIn() {
        inside.add(1, ordering: .sequentiallyConsistent)
        guard isExiting.load(ordering: .sequentiallyConsistent) else { return }
        inside.subtract(1, ordering: .sequentiallyConsistent)
        // The process ends, and this thread with it.
        while true { sleep(3600) }
    }
}

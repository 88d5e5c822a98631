#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Starts threads outside of event loops and shared pools.
enum WorkerThread {
    /// Enough for the C libraries that are called; only the pages in use become resident.
    private static let stackSize = 1 << 20

    private final class Entry {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs a closure on a new, detached thread.
    ///
    /// - Returns: 0, or the system's error number.
    static func start(_ body: @escaping @Sendable () -> Void) -> Int32 {
        withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { attributes in
            guard let attributes = attributes.baseAddress else { return EAGAIN }
            pthread_attr_init(attributes)
            defer { pthread_attr_destroy(attributes) }
            pthread_attr_setstacksize(attributes, stackSize)
            pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
            return start(attributes, body)
        }
    }

    /// Lowers the priority of this thread permanently.
    static func stepBack() {
        #if os(Linux)
        // PRIO_PROCESS, which has another type in each C library. On Linux 0 is this thread, elsewhere the whole
        // process.
        let process: Int32 = 0
        _ = setpriority(process, 0, 10)
        #elseif canImport(Darwin)
        pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0)
        #endif
    }

    private static func start(
        _ attributes: UnsafePointer<pthread_attr_t>, _ body: @escaping @Sendable () -> Void
    ) -> Int32 {
        // A thread inherits its creator's mask: with all signals blocked, the application's handlers never run on ours.
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        let entry = Unmanaged.passRetained(Entry(body))
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread: pthread_t = 0
        #endif
        let status = pthread_create(&thread, attributes, main, entry.toOpaque())
        if status != 0 { entry.release() }
        return status
    }

    #if canImport(Darwin)
    private static let main: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { argument in
        Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue().body()
        return nil
    }
    #else
    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue().body()
        return nil
    }
    #endif
}

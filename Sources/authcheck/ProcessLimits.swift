import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The limits of this process. If they are too low, that is reported before a library fails.
enum ProcessLimits {
    /// Raises the limit of open files if needed, and checks whether threads can be started.
    ///
    /// - Parameter checks: The number of hosts of each concurrent check.
    /// - Returns: How many of them can run, at least one.
    @discardableResult
    static func check(hosts: Int, checks: Int = 1) throws -> Int {
        // Two for each connection, and those of the event loops and the libraries.
        let (base, each) = (64, 4 * min(max(1, hosts), 64))
        let wanted = rlim_t(base + each * checks)
        let least = rlim_t(48)
        var limit = rlimit()
        #if canImport(Glibc)
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let kind = RLIMIT_NOFILE
        #endif
        guard getrlimit(kind, &limit) == 0 else { return checks }
        if limit.rlim_cur < wanted {
            limit.rlim_cur = min(wanted, limit.rlim_max)
            setrlimit(kind, &limit)
        }
        guard limit.rlim_cur >= least else {
            throw ValidationError(
                "Only \(limit.rlim_cur) open files are allowed (ulimit -n, RLIMIT_NOFILE): at least \(least) are needed."
            )
        }
        try checkThreads()
        let room = Int(clamping: limit.rlim_cur)
        return max(1, min(checks, (room - base) / each))
    }

    /// As many as a check needs at least, all at the same time.
    private static func checkThreads() throws {
        let count = 8
        let gate = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        gate.initialize(to: pthread_mutex_t())
        pthread_mutex_init(gate, nil)
        pthread_mutex_lock(gate)
        defer {
            pthread_mutex_destroy(gate)
            gate.deallocate()
        }
        var threads: [pthread_t] = []
        var error: Int32 = 0
        while threads.count < count, error == 0 {
            var thread = pthread_t()
            error = pthread_create(
                &thread, nil,
                { gate in
                    guard let gate = gate?.assumingMemoryBound(to: pthread_mutex_t.self) else { return nil }
                    pthread_mutex_lock(gate)
                    pthread_mutex_unlock(gate)
                    return nil
                }, gate)
            if error == 0 { threads.append(thread) }
        }
        pthread_mutex_unlock(gate)
        for thread in threads { pthread_join(thread, nil) }
        guard error == 0 else {
            throw ValidationError(
                "No thread can be started (\(String(cString: strerror(error)))): see ulimit -u (RLIMIT_NPROC) and the "
                    + "limits of the container.")
        }
    }
}

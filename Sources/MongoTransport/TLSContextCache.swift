public import BlockingWork
internal import NameResolution

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// TLS contexts that many connections share, one for each set of options.
///
/// The files are read once, on a thread for calls that block, however many connections wait for them; each of these
/// waits until its own deadline. A file system that hangs therefore blocks one thread, not one for each connection. A
/// failure is not cached. The files are read again when one of several authorities of the same name becomes valid or
/// expires.
public final class TLSContextCache: Sendable {
    typealias Load = @Sendable (TLSOptions) throws -> TLSContext

    /// A read after a reload does not join one that started before it.
    private struct Key: Hashable {
        let options: TLSOptions
        let generation: Int
    }

    private struct Kept {
        var generation = 0
        /// In the order in which they came.
        var contexts: [TLSContext] = []
    }

    /// How many sets of options are cached: with more, files are read again.
    static let maximumEntries = 16

    private let work: SharedWork<Key, TLSContext>
    private let load: Load
    private let clock: @Sendable () -> Int64
    private let kept = Locked(Kept())

    /// Creates an empty cache.
    ///
    /// - Parameter workers: Threads for reading; `nil` uses the process's shared ones.
    public convenience init(workers: BlockingWorkers? = nil) {
        self.init(workers: workers) { try TLSContext($0) }
    }

    /// - Parameters:
    ///   - clock: Seconds since 1970.
    ///   - load: Reads the files; it may block indefinitely.
    init(
        workers: BlockingWorkers? = nil, clock: @escaping @Sendable () -> Int64 = { Int64(time(nil)) },
        load: @escaping Load
    ) {
        work = SharedWork(workers: workers ?? .namesAndFiles)
        self.clock = clock
        self.load = load
    }

    /// The context for these options, created if there is none yet.
    ///
    /// - Throws: ``TransportError`` with code ``TransportError/Code/tls``, which names the file that cannot be used, or
    ///   with ``TransportError/Code/deadlineExceeded``; `CancellationError`.
    public func context(for options: TLSOptions, by deadline: ContinuousClock.Instant) async throws -> TLSContext {
        try Task.checkCancellation()
        let key = Key(options: options, generation: kept.withLock { $0.generation })
        if let context = find(key) { return context }
        do {
            return try await work.value(for: key, by: deadline, waitingFor: "the files for TLS") { [self] in
                // Another read may have ended between the look-up and this call.
                if let context = find(key) { return context }
                let context = try load(options)
                keep(context, key)
                return context
            }
        } catch let error as BlockingWorkError where error.code == .deadlineExceeded {
            throw TransportError(
                .deadlineExceeded, phase: .tls, "the deadline passed while files for TLS were read", underlying: error)
        } catch let error as BlockingWorkError {
            throw TransportError(
                .tls, phase: .tls, "the files for TLS could not be read: \(error.message)", underlying: error)
        }
    }

    /// Drops all contexts: later connections read the files again.
    public func reload() {
        kept.withLock { $0 = Kept(generation: $0.generation + 1) }
    }

    private func find(_ key: Key) -> TLSContext? {
        let now = clock()
        return kept.withLock { kept in
            kept.contexts.removeAll { !$0.isCurrent(at: now) }
            return kept.generation == key.generation ? kept.contexts.first { $0.options == key.options } : nil
        }
    }

    private func keep(_ context: TLSContext, _ key: Key) {
        kept.withLock { kept in
            guard kept.generation == key.generation else { return }
            if kept.contexts.count == Self.maximumEntries { kept.contexts.removeFirst() }
            kept.contexts.append(context)
        }
    }
}

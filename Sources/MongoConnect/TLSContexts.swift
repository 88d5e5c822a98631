internal import BlockingWork
internal import MongoTransport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// The TLS contexts of one connector, one for each set of options.
///
/// The files are read once, on a thread for calls that block, however many connections wait for them; each of these waits
/// by its own deadline. A file system that hangs therefore holds one thread, and not one for each connection.
final class TLSContexts: Sendable {
    typealias Load = @Sendable (TLSOptions) throws -> TLSContext

    private struct Entry {
        let options: TLSOptions
        let context: EventLoopFuture<TLSContext>
    }

    /// How many sets of options are remembered: whoever has more reads files again.
    static let maximumEntries = 16
    /// When a call that reads files is given up. Those who wait for it have deadlines of their own.
    private static let loadLimit = Duration.seconds(3600)

    private let workers: BlockingWorkers
    private let group: any EventLoopGroup
    private let load: Load
    /// In the order in which they came.
    private let entries = NIOLockedValueBox<[Entry]>([])

    init(
        workers: BlockingWorkers, group: any EventLoopGroup, load: @escaping Load = { try TLSContext($0) }
    ) {
        self.workers = workers
        self.group = group
        self.load = load
    }

    /// The context for these options, made where there is none yet.
    ///
    /// - Throws: What making it throws; ``MongoTransport/TransportError`` with code
    ///   ``MongoTransport/TransportError/Code/deadlineExceeded``; `CancellationError`.
    func context(for options: TLSOptions, by deadline: ContinuousClock.Instant) async throws -> TLSContext {
        try Task.checkCancellation()
        let context = join(options)
        let own = context.eventLoop.makePromise(of: TLSContext.self)
        context.cascade(to: own)
        let timer = context.eventLoop.scheduleTask(in: Self.time(until: deadline)) {
            own.fail(
                TransportError(.deadlineExceeded, phase: .tls, "the deadline passed while files for TLS were read"))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await own.futureResult.get()
        } onCancel: {
            own.fail(CancellationError())
        }
    }

    /// Forgets all of them: who comes later reads the files again.
    func removeAll() {
        entries.withLockedValue { $0 = [] }
    }

    /// What is there for these options, or what begins to be made now.
    private func join(_ options: TLSOptions) -> EventLoopFuture<TLSContext> {
        let (context, promise) = entries.withLockedValue {
            entries -> (EventLoopFuture<TLSContext>, EventLoopPromise<TLSContext>?) in
            if let entry = entries.first(where: { $0.options == options }) { return (entry.context, nil) }
            let promise = group.any().makePromise(of: TLSContext.self)
            if entries.count == Self.maximumEntries { entries.removeFirst() }
            entries.append(Entry(options: options, context: promise.futureResult))
            return (promise.futureResult, promise)
        }
        guard let promise else { return context }
        // Not a child of the first one who waits: the others wait on when that one goes.
        Task { [workers, load] in
            do {
                promise.succeed(try await workers.run(by: .now + Self.loadLimit) { try load(options) })
            } catch {
                // Before anybody is told, so that whoever tries again reads the files again.
                forget(context)
                promise.fail(Self.transportError(error))
            }
        }
        return context
    }

    private func forget(_ context: EventLoopFuture<TLSContext>) {
        entries.withLockedValue { $0.removeAll { $0.context === context } }
    }

    private static func time(until deadline: ContinuousClock.Instant) -> TimeAmount {
        // A deadline that is decades away must not overflow the event loop's nanoseconds.
        let left = max(.zero, min(deadline - ContinuousClock.now, .seconds(86_400 * 365)))
        return .nanoseconds(Int64(left / .nanoseconds(1)))
    }

    private static func transportError(_ error: any Error) -> any Error {
        guard let error = error as? BlockingWorkError else { return error }
        return TransportError(
            .tls, phase: .tls, "the files for TLS could not be read: \(error.message)", underlying: error)
    }
}

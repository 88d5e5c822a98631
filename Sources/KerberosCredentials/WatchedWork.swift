internal import BlockingWork
internal import GSSKerberos

/// Shared work that asks KDCs: all waiters get its events, and at a deadline what it waits for.
final class WatchedWork<Key: Hashable & Sendable, Success: Sendable>: Sendable {
    private struct Watch {
        /// The request that is under way.
        var outstanding: String?
        var nextNumber = 0
        var observers: [Int: KerberosObserver] = [:]
    }

    private let work: SharedWork<Key, Success>
    private let watches = Locked<[Key: Watch]>([:])

    init(workers: BlockingWorkers) {
        work = SharedWork(workers: workers)
    }

    /// Joins the work for a key or starts it, see ``BlockingWork/SharedWork``.
    ///
    /// - Parameter subject: What it waits for while no request is under way: libkrb5 may be looking for the KDC.
    func value(
        for key: Key, by deadline: ContinuousClock.Instant, waitingFor subject: String, observe: KerberosObserver?,
        _ body: @escaping @Sendable (@escaping KerberosObserver) throws -> Success
    ) async throws -> Success {
        let number = observe.map { observer in
            watches.withLock { watches in
                var watch = watches[key] ?? Watch()
                defer { watches[key] = watch }
                watch.nextNumber += 1
                watch.observers[watch.nextNumber] = observer
                return watch.nextNumber
            }
        }
        defer {
            if let number { change(key) { $0.observers[number] = nil } }
        }
        return try await work.value(for: key, by: deadline, waitingFor: self.outstanding(key) ?? subject) { [self] in
            try run(key, body)
        }
    }

    /// Starts the work, unless it is under way, without waiting.
    func begin(for key: Key, _ body: @escaping @Sendable (@escaping KerberosObserver) throws -> Success) {
        work.begin(for: key) { [self] in try run(key, body) }
    }

    private func run(_ key: Key, _ body: (@escaping KerberosObserver) throws -> Success) throws -> Success {
        defer { change(key) { $0.outstanding = nil } }
        return try body { [weak self] in self?.tell(key, $0) }
    }

    private func outstanding(_ key: Key) -> String? { watches.withLock { $0[key]?.outstanding } }

    private func tell(_ key: Key, _ event: KerberosEvent) {
        let outstanding: String? =
            switch event {
            case .askingKDC(let realm, let ticket, _): "the KDC of realm \(realm) for the ticket for \(ticket)"
            default: nil
            }
        let observers = watches.withLock { watches in
            watches[key, default: Watch()].outstanding = outstanding
            return watches[key].map { Array($0.observers.values) } ?? []
        }
        for observe in observers { observe(event) }
    }

    /// Changes the state of a key's work, and removes an empty state.
    private func change(_ key: Key, _ body: (inout Watch) -> Void) {
        watches.withLock { watches in
            guard var watch = watches.removeValue(forKey: key) else { return }
            body(&watch)
            if watch.outstanding != nil || !watch.observers.isEmpty { watches[key] = watch }
        }
    }
}

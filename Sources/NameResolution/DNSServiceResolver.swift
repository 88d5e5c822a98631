public import BlockingWork

/// Asks name servers for SRV and TXT records, over UDP and, where the answer does not fit a datagram, over TCP.
///
/// Each look-up has its own thread and socket: none waits for another. Both are released as soon as no caller
/// waits for the answer any more.
public struct DNSServiceResolver: ServiceResolver {
    private let workers: BlockingWorkers
    private let configuration: DNSConfiguration?

    /// Creates a resolver.
    ///
    /// - Parameters:
    ///   - workers: Threads for the look-ups; `nil` uses the process's shared ones.
    ///   - configuration: The servers to ask; `nil` is the system's configuration, which is read again for each
    ///     look-up.
    public init(workers: BlockingWorkers? = nil, configuration: DNSConfiguration? = nil) {
        self.workers = workers ?? .namesAndFiles
        self.configuration = configuration
    }

    /// The SRV records of a name. Invalid host names are refused.
    public func services(of name: String, by deadline: ContinuousClock.Instant) async throws -> [SRVRecord] {
        let records = try await ask(name, .srv, by: deadline).compactMap { data in
            if case .service(let record) = data { record } else { nil }
        }
        guard !records.isEmpty else {
            throw NameResolutionError(
                .noRecords, name: name, "its SRV record says that there is no such service (RFC 2782, target \".\")")
        }
        return records
    }

    /// The TXT records of a name.
    public func texts(of name: String, by deadline: ContinuousClock.Instant) async throws -> [TXTRecord] {
        try await ask(name, .txt, by: deadline).compactMap { data in
            if case .text(let record) = data { record } else { nil }
        }
    }

    /// The search list of the configuration.
    public func searchDomains(by deadline: ContinuousClock.Instant) async throws -> [String] {
        do {
            return try await workers.run(by: deadline, waitingFor: "the resolver's configuration") { [configuration] in
                try (configuration ?? .system()).searchDomains
            }
        } catch let error as BlockingWorkError {
            throw NameResolutionError(
                error.code == .deadlineExceeded ? .deadlineExceeded : .failure, name: "resolv.conf", error.message,
                underlying: error)
        }
    }

    private func ask(
        _ name: String, _ type: DNSRecordType, by deadline: ContinuousClock.Instant
    ) async throws -> [DNSRecordData] {
        let question = DNSQuestion(name: try DNSName(name), type: type)
        guard let wakeUp = WakeUp() else {
            throw NameResolutionError(.failure, name: name, "the process has no descriptors left for a look-up")
        }
        let asked = NameServer.list(configuration?.nameServers ?? [])
        do {
            return try await withTaskCancellationHandler {
                // The exchange enforces the deadline itself, as its error is more specific: which servers it asked, and
                // what each did.
                try await workers.run(by: deadline + .milliseconds(80), waitingFor: asked) { [configuration] in
                    try DNSExchange(
                        name: name, question: question, configuration: configuration ?? .system(), deadline: deadline,
                        wakeUp: wakeUp
                    ).run()
                }
            } onCancel: {
                wakeUp.signal()
            }
        } catch  where Task.isCancelled {
            // The woken thread may fail before the workers report the cancellation.
            throw CancellationError()
        } catch let error as BlockingWorkError {
            guard error.code == .deadlineExceeded else {
                throw NameResolutionError(.failure, name: name, error.message, underlying: error)
            }
            throw NameResolutionError(
                .deadlineExceeded, name: name, "\(asked) did not answer for \(name) before the deadline",
                underlying: error)
        }
    }
}

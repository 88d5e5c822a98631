public import BlockingWork

/// Asks name servers for SRV and TXT records, over UDP and, where the answer does not fit a datagram, over TCP.
///
/// Each look-up has a thread and a socket of its own: none waits for another. Both are given back as soon as nobody
/// waits for the answer any more.
public struct DNSServiceResolver: ServiceResolver {
    private let workers: BlockingWorkers
    private let configuration: DNSConfiguration?

    /// Creates a resolver.
    ///
    /// - Parameters:
    ///   - workers: Threads for the look-ups; `nil` takes those of the process.
    ///   - configuration: Whom to ask; `nil` is the system's configuration, which is read anew for each look-up.
    public init(workers: BlockingWorkers? = nil, configuration: DNSConfiguration? = nil) {
        self.workers = workers ?? .namesAndFiles
        self.configuration = configuration
    }

    /// The SRV records of a name. Names of hosts that nobody could have are refused.
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
                // The exchange keeps the deadline itself, and knows more of it then: whom it asked, and what each did.
                try await workers.run(by: deadline + .milliseconds(50), waitingFor: asked) { [configuration] in
                    try DNSExchange(
                        name: name, question: question, configuration: configuration ?? .system(), deadline: deadline,
                        wakeUp: wakeUp
                    ).run()
                }
            } onCancel: {
                wakeUp.signal()
            }
        } catch  where Task.isCancelled {
            // The thread, once woken, may be quicker to fail than the workers are to say that this was cancelled.
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

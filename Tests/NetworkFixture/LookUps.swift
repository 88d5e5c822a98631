import BlockingWork
import NameResolution

/// Many look-ups at once through the system's resolver, with one among them that hangs and without it.
struct LookUps {
    /// What came of it.
    struct Measured: Encodable {
        /// How many of the others had their answer while the one still hung, of ``asked``.
        var answered: Int
        var asked: Int
        /// Whether the one hung on when all others had their answer, in every round.
        var hungToTheEnd: Bool
        /// The shortest time of the rounds, for the others alone and beside the one that hangs.
        var millisecondsAlone: Double
        var millisecondsBeside: Double
    }

    let count: Int
    let domain: String
    let hanging: String
    private let workers = BlockingWorkers()

    init(count: Int, domain: String, hanging: String) {
        self.count = count
        self.domain = domain
        self.hanging = hanging
    }

    /// Rounds of both kinds take turns, so that what else the machine does hits both.
    func measure() async throws -> Measured {
        let resolver = SystemResolver(workers: workers)
        var measured = Measured(
            answered: 0, asked: 0, hungToTheEnd: true, millisecondsAlone: .infinity, millisecondsBeside: .infinity)
        for round in 0..<8 {
            let alone = try await lookUpAll(resolver)
            let (beside, hungOn) = try await besideTheOne(resolver)
            // The first round starts threads and reads files.
            guard round > 0 else { continue }
            measured.asked += count
            measured.answered += beside.answered
            measured.hungToTheEnd = measured.hungToTheEnd && hungOn
            measured.millisecondsAlone = min(measured.millisecondsAlone, alone.time / .milliseconds(1))
            measured.millisecondsBeside = min(measured.millisecondsBeside, beside.time / .milliseconds(1))
        }
        return measured
    }

    private typealias Round = (answered: Int, time: Duration)

    private func besideTheOne(_ resolver: SystemResolver) async throws -> (Round, hungOn: Bool) {
        // A word from the one that hangs, of whatever kind, comes before the end of the others' words, or after it.
        let (words, speak) = AsyncStream.makeStream(of: Round?.self)
        let one = Task {
            _ = try? await resolver.addresses(of: hanging, family: .ipv4, by: .now + .seconds(600))
            speak.yield(nil)
        }
        defer { one.cancel() }
        // The others come when it has its thread.
        while workers.statistics.active + workers.statistics.abandoned == 0 {
            try await Task.sleep(for: .milliseconds(1))
        }
        let others = Task {
            _ = speak.yield(try await lookUpAll(resolver))
        }
        var hungOn = true
        for await word in words {
            guard let word else {
                hungOn = false
                continue
            }
            try await others.value
            return (word, hungOn)
        }
        throw CancellationError()
    }

    private func lookUpAll(_ resolver: SystemResolver) async throws -> Round {
        let start = ContinuousClock.now
        let answered = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<count {
                group.addTask {
                    try await !resolver.addresses(of: "\(number).\(domain)", family: .ipv4, by: .now + .seconds(600))
                        .isEmpty
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        return (answered, .now - start)
    }
}

/// The same look-up again and again: how long each takes.
struct RepeatedLookUp {
    /// What came of it.
    struct Measured: Encodable {
        /// The addresses, the same each time.
        var addresses: [String]
        /// The time of each, in their order.
        var milliseconds: [Double]
        /// How many threads were still at work at the end.
        var threads: Int
    }

    static func measure(_ host: String, count: Int) async throws -> Measured {
        let workers = BlockingWorkers()
        let resolver = SystemResolver(workers: workers)
        var measured = Measured(addresses: [], milliseconds: [], threads: 0)
        for _ in 0..<count {
            let start = ContinuousClock.now
            let found = try await resolver.addresses(of: host, family: nil, by: start + .seconds(60))
            measured.milliseconds.append((.now - start) / .milliseconds(1))
            measured.addresses = found.map(\.description)
        }
        measured.threads = workers.statistics.active + workers.statistics.abandoned
        return measured
    }
}

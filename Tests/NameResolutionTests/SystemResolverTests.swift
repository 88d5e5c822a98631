import BlockingWork
import Dispatch
import NameResolution
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Nothing here asks a name server: names are in the hosts file, or never get as far as a look-up.
@Suite(.timeLimit(.minutes(5))) struct SystemResolverTests {
    private let never = ContinuousClock.now + .seconds(120)
    private let loopback = IPAddress(bytes: [127, 0, 0, 1])

    // MARK: - Literals

    private static let literals: [(String, IPAddress.Family?)] = [
        ("127.0.0.1", nil), ("127.0.0.1", .ipv4), ("::1", nil), ("::1", .ipv6), ("192.0.2.1", nil),
        ("2001:db8::1", .ipv6),
    ]

    /// The only thread is taken and the queue is closed: a look-up would fail.
    @Test(arguments: literals)
    func literalsAreNeverLookedUp(literal: String, family: IPAddress.Family?) async throws {
        try await withBlockedResolver(queue: 0) { resolver in
            let addresses = try await resolver.addresses(of: literal, family: family, by: never)
            #expect(addresses.map(\.description) == [literal])
        }
    }

    @Test(arguments: [("127.0.0.1", IPAddress.Family.ipv6), ("::1", .ipv4)])
    func aLiteralHasNoAddressOfTheOtherFamily(literal: String, family: IPAddress.Family) async throws {
        try await withBlockedResolver(queue: 0) { resolver in
            let error = await #expect(throws: NameResolutionError.self) {
                try await resolver.addresses(of: literal, family: family, by: never)
            }
            #expect(error?.code == .noAddress)
            #expect(error?.description == "no-address: \(literal): is not an \(family) address")
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func aLiteralHasNoCanonicalName(literal: String) async throws {
        try await withBlockedResolver(queue: 0) { resolver in
            let error = await #expect(throws: NameResolutionError.self) {
                try await resolver.canonicalName(of: literal, by: never)
            }
            #expect(error?.code == .invalidName)
            #expect(error?.name == literal)
        }
    }

    // MARK: - Names that cannot be

    private static let invalid: [String] =
        ["", " ", "a b", "host name.example.com", "a\tb", String(repeating: "a", count: 255)]
        + (Array(0...0x20) + [0x7f] as [UInt8]).map { "host" + String(UnicodeScalar($0)) + "name" }

    @Test func invalidNamesAreNeverLookedUp() async throws {
        try await withBlockedResolver(queue: 0) { resolver in
            for name in Self.invalid {
                let forward = await #expect(throws: NameResolutionError.self) {
                    try await resolver.addresses(of: name, family: nil, by: never)
                }
                #expect(forward?.code == .invalidName, "\(name.debugDescription)")
                let canonical = await #expect(throws: NameResolutionError.self) {
                    try await resolver.canonicalName(of: name, by: never)
                }
                #expect(canonical?.code == .invalidName, "\(name.debugDescription)")
                #expect((canonical?.name.count ?? .max) <= 64)
            }
        }
    }

    // MARK: - The hosts file

    @Test func localhostIsLoopback() async throws {
        let resolver = SystemResolver(workers: BlockingWorkers())
        let addresses = try await resolver.addresses(of: "localhost", family: .ipv4, by: never)
        #expect(addresses.map(\.description) == ["127.0.0.1"])
        let both = try await resolver.addresses(of: "localhost", family: nil, by: never)
        #expect(!both.isEmpty)
        #expect(Set(both.map(\.description)).isSubset(of: ["127.0.0.1", "::1"]))
        // The same address for several socket types is one address.
        #expect(Set(both).count == both.count)
    }

    @Test func localhostHasACanonicalName() async throws {
        let resolver = SystemResolver(workers: BlockingWorkers())
        let name = try await resolver.canonicalName(of: "localhost", by: never)
        #expect(!name.isEmpty)
        #expect(IPAddress(name) == nil)
    }

    @Test(.enabled(if: !namesOfLoopback().isEmpty, "the hosts file has no name for 127.0.0.1"))
    func loopbackHasAName() async throws {
        let resolver = SystemResolver(workers: BlockingWorkers())
        let name = try await resolver.name(of: #require(loopback), by: never)
        #expect(Self.namesOfLoopback().contains(name))
    }

    private static func namesOfLoopback() -> Set<String> {
        var names: Set<String> = []
        guard let file = fopen("/etc/hosts", "r") else { return [] }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 4096)
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            let line = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = line.prefix { $0 != "#" }.split { $0.isWhitespace }.map { String($0) }
            if words.first == "127.0.0.1" { names.formUnion(words.dropFirst()) }
        }
        return names
    }

    // MARK: - Ends

    /// Each kind of question, none of which would ask a name server.
    enum Question: CaseIterable, Sendable {
        case addresses, canonicalName, name

        func ask(_ resolver: SystemResolver, by deadline: ContinuousClock.Instant) async throws {
            switch self {
            case .addresses: _ = try await resolver.addresses(of: "localhost", family: .ipv4, by: deadline)
            case .canonicalName: _ = try await resolver.canonicalName(of: "localhost", by: deadline)
            case .name: _ = try await resolver.name(of: #require(IPAddress("127.0.0.1")), by: deadline)
            }
        }
    }

    @Test(arguments: Question.allCases)
    func theDeadlinePasses(_ question: Question) async throws {
        try await withBlockedResolver(queue: 1) { resolver in
            let error = await #expect(throws: NameResolutionError.self) {
                try await question.ask(resolver, by: .now + .milliseconds(20))
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.name == (question == .name ? "127.0.0.1" : "localhost"))
            #expect((error?.underlying as? BlockingWorkError)?.code == .deadlineExceeded)
            let name = error?.name ?? ""
            #expect(error?.message == "\(resolver.respondents) did not answer for \(name) before the deadline")
        }
    }

    @Test(arguments: Question.allCases)
    func cancellationEndsTheWait(_ question: Question) async throws {
        try await withBlockedResolver(queue: 1) { resolver in
            let task = Task { [never] in try await question.ask(resolver, by: never) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test(arguments: Question.allCases)
    func aFullQueueIsAFailureWithItsReason(_ question: Question) async throws {
        try await withBlockedResolver(queue: 0) { resolver in
            let error = await #expect(throws: NameResolutionError.self) { try await question.ask(resolver, by: never) }
            #expect(error?.code == .failure)
            #expect((error?.underlying as? BlockingWorkError)?.code == .exhausted)
        }
    }

    /// However many ask the same at once, it takes one thread; who asks something else takes another.
    @Test func theSameQuestionIsAskedOnce() async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1, maximumWaiting: 3))
        let gate = DispatchSemaphore(value: 0)
        let stuck = Task { [never] in try await workers.run(by: never, waitingFor: "the gate") { gate.wait() } }
        while workers.statistics.active == 0 { await Task.yield() }
        let resolver = SystemResolver(workers: workers)
        let tasks = (0..<300).map { number in
            Task { [never] in
                try await resolver.addresses(of: "localhost", family: [nil, .ipv4][number % 2], by: never).count
            }
        }
        while workers.statistics.waiting < 2 { await Task.yield() }
        for task in tasks.prefix(100) { task.cancel() }
        gate.signal()
        try await stuck.value
        for task in tasks.dropFirst(100) { #expect(try await task.value >= 1) }
    }

    // MARK: - Whom it waits for

    @Test func theNameServersAreNamed() async throws {
        let resolver = SystemResolver(workers: BlockingWorkers())
        #expect(resolver.respondents == "the name service")
        _ = try await resolver.addresses(of: "localhost", family: nil, by: never)
        let servers = try DNSConfiguration.system().nameServers
        #expect(servers.allSatisfy { resolver.respondents.contains("\($0.address)") })
        #expect(servers.isEmpty || resolver.respondents.hasPrefix("the name server"))
    }

    @Test(arguments: [
        (NameResolutionError.Code.noSuchName, "no-such-name"), (.noAddress, "no-address"),
        (.temporaryFailure, "temporary-failure"), (.failure, "failure"), (.invalidName, "invalid-name"),
        (.deadlineExceeded, "deadline-exceeded"),
    ])
    func codesHaveStableNames(code: NameResolutionError.Code, name: String) {
        #expect(NameResolutionError(code, name: "db", "text").description == "\(name): db: text")
    }

    /// A resolver whose only thread stands still while the body runs.
    private func withBlockedResolver(queue: Int, _ body: (SystemResolver) async throws -> Void) async throws {
        let workers = BlockingWorkers(limits: .init(maximumThreads: 1, maximumWaiting: queue))
        let gate = DispatchSemaphore(value: 0)
        let task = Task { [never] in try await workers.run(by: never, waitingFor: "the gate") { gate.wait() } }
        while workers.statistics.active == 0 { await Task.yield() }
        do {
            try await body(SystemResolver(workers: workers))
        } catch {
            gate.signal()
            throw error
        }
        gate.signal()
        try await task.value
    }
}

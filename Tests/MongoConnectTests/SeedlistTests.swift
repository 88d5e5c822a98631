import MongoConnect
import NIOPosix
import NameResolution
import SaslConnectionString
import SecretMemory
import Testing

@Suite("Seedlists: the specification's cases") struct SeedlistSpecificationTests {
    @Test("case", arguments: try SeedlistCase.load()) func specification(_ test: SeedlistCase) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        if let reason = test.error {
            let error = await #expect(throws: (any Error).self) {
                try await MongoConnectionString(parsing: test.uri).resolved(with: .specification(), by: deadline)
            }
            let codes = [
                (error as? SeedlistError)?.code.description, (error as? ConnectionStringError)?.code.description,
            ]
            #expect(codes.compactMap(\.self) == [reason], "\(String(describing: error))")
            return
        }
        let string = try MongoConnectionString(parsing: test.uri)
        let resolved = try await string.resolved(with: .specification(), by: deadline)
        let found = resolved.hosts.map { "\($0.name):\($0.port)" }
        if let seeds = test.seeds { #expect(found == seeds) }
        if let count = test.numSeeds { #expect(found.count == count) }
        #expect(resolved.hosts.allSatisfy { $0.kind == .hostname })
        for (name, value) in test.options ?? [:] {
            if name == "ssl" {
                #expect(SeedlistCase.Value.boolean(resolved.usesTLS) == value)
                continue
            }
            let entry = try #require(resolved.options.entries.first { $0.name == name }, "\(name) is missing")
            #expect(SeedlistCase.Value(entry.value) == value)
        }
        if let user = test.user { #expect(resolved.credential?.username == user) }
        if let password = test.password { #expect(resolved.credential?.password == Secret(password)) }
        if let database = test.database { #expect(resolved.database == database) }
    }
}

extension ServiceResolver where Self == ScriptedServices {
    static func specification() throws -> ScriptedServices { try ScriptedServices.specification() }
}

@Suite("Seedlists: rules") struct SeedlistTests {
    static let uri = "mongodb+srv://cluster.example.com/"

    static func seedlist(_ uri: String = uri) throws -> Seedlist {
        try #require(Seedlist(MongoConnectionString(parsing: uri)))
    }

    static func resolve(
        _ services: [SRVRecord], _ texts: [TXTRecord] = [], of uri: String = uri
    ) throws -> MongoConnectionString {
        var generator = SystemRandomNumberGenerator()
        return try seedlist(uri).resolved(services: services, texts: texts, using: &generator)
    }

    static func code(
        _ services: [SRVRecord], _ texts: [TXTRecord] = [], of uri: String = uri
    ) throws -> SeedlistError.Code {
        try #require(throws: SeedlistError.self) { try resolve(services, texts, of: uri) }.code
    }

    // MARK: - Questions

    @Test(
        "the names to ask for",
        arguments: [
            ("mongodb+srv://cluster.example.com", "_mongodb._tcp.cluster.example.com", "cluster.example.com"),
            ("mongodb+srv://Cluster.Example.com./", "_mongodb._tcp.cluster.example.com", "cluster.example.com"),
            ("mongodb+srv://localhost/?srvServiceName=other", "_other._tcp.localhost", "localhost"),
            ("mongodb+srv://mongo.local", "_mongodb._tcp.mongo.local", "mongo.local"),
        ]) func questions(_ uri: String, _ serviceName: String, _ textName: String) throws
    {
        let seedlist = try Self.seedlist(uri)
        #expect(seedlist.serviceName == serviceName)
        #expect(seedlist.textName == textName)
    }

    @Test("the search list is for people: nothing is connected to by it")
    func searchList() async throws {
        var services = ScriptedServices()
        services.domains = ["missing.example", "corp.example", "later.example"]
        services.services["_mongodb._tcp.short.corp.example"] = .records([.to("a.corp.example")])
        services.services["_mongodb._tcp.short.later.example"] = .records([.to("a.later.example")])
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton, services: services)
        let string = try MongoConnectionString(parsing: "mongodb+srv://short/")
        let error = await #expect(throws: SeedlistError.self) {
            try await connector.resolvingHosts(of: string, by: .now + .seconds(60))
        }
        #expect(error?.code == .noHosts)
        let names = await connector.namesInSearchList(of: string, by: .now + .seconds(60))
        #expect(names == ["short.corp.example", "short.later.example"])
        let hosts = try MongoConnectionString(parsing: "mongodb://short/")
        #expect(await connector.namesInSearchList(of: hosts, by: .now + .seconds(60)).isEmpty)
    }

    @Test("a string with hosts has no seedlist, and resolves to itself without asking") func plainString() async throws
    {
        let string = try MongoConnectionString(parsing: "mongodb://a.b:1,c.d")
        #expect(Seedlist(string) == nil)
        let silent = ScriptedServices(services: [:], texts: [:])
        #expect(try await string.resolved(with: silent, by: .now) == string)
    }

    // MARK: - Hosts

    /// Host of the string, target of a record, and whether they belong together.
    static let domains: [(String, String, Bool)] = [
        // The specification's prose tests 2, 3 and 4.
        ("localhost", "localhost.mongodb", false),
        ("mongo.local", "test_1.evil.local", false),
        ("blogs.mongodb.com", "blogs.evil.com", false),
        ("localhost", "localhost", false),
        ("mongo.local", "mongo.local", false),
        ("localhost", "test_1.cluster_1localhost", false),
        ("mongo.local", "test_1.my_hostmongo.local", false),
        ("blogs.mongodb.com", "cluster.testmongodb.com", false),
        // The same rules, from the other side.
        ("localhost", "a.localhost", true),
        ("mongo.local", "a.mongo.local", true),
        ("mongo.local", "a.b.mongo.local", true),
        ("mongo.local", "local", false),
        ("blogs.mongodb.com", "a.mongodb.com", true),
        ("blogs.mongodb.com", "a.b.mongodb.com", true),
        ("blogs.mongodb.com", "blogs.mongodb.com", true),
        ("blogs.mongodb.com", "mongodb.com", false),
        ("blogs.mongodb.com", "com", false),
        ("a.b.c.d", "x.b.c.d", true),
        ("a.b.c.d", "x.c.d", false),
        ("a.b.c.d", "b.c.d", false),
        // Case and a final period say nothing.
        ("Blogs.MongoDB.com.", "A.mongodb.COM.", true),
        ("localhost.", "a.localhost", true),
        ("localhost.", "localhost.", false),
        ("mongo.local.", "mongo.local", false),
    ]

    @Test("servers stay in the domain of the string's host", arguments: domains)
    func domain(_ host: String, _ target: String, _ belongs: Bool) throws {
        let uri = "mongodb+srv://\(host)/"
        guard belongs else {
            #expect(try Self.code([.to("ok.\(host)"), .to(target)], of: uri) == .foreignHost)
            return
        }
        let name = target.lowercased()
        let expected = name.hasSuffix(".") ? String(name.dropLast()) : name
        #expect(try Self.resolve([.to(target)], of: uri).hosts.map(\.name) == [expected])
    }

    @Test("a foreign host and the domain are named") func foreignHost() throws {
        let error = try #require(throws: SeedlistError.self) { try Self.resolve([.to("a.evil.com")]) }
        #expect(error.message.contains("a.evil.com") && error.message.contains(".example.com"))
        #expect(error.name == "_mongodb._tcp.cluster.example.com")
    }

    @Test("no record, no name, no port") func invalidHosts() throws {
        #expect(try Self.code([]) == .noHosts)
        #expect(try Self.code([.to("")]) == .invalidHost)
        #expect(try Self.code([.to(".")]) == .invalidHost)
        #expect(try Self.code([.to("a.example.com", 0)]) == .invalidHost)
        #expect(try Self.code([.to("1.2.3.4")], of: "mongodb+srv://4") == .invalidHost)
    }

    @Test("order and ports are those of the records, and a host counts once") func order() throws {
        let records = [
            SRVRecord(priority: 9, weight: 0, port: 3, target: "c.example.com", ttl: .zero),
            SRVRecord(priority: 1, weight: 9, port: 1, target: "a.example.com", ttl: .zero),
            SRVRecord(priority: 2, weight: 9, port: 3, target: "C.example.com.", ttl: .zero),
            SRVRecord(priority: 1, weight: 9, port: 2, target: "a.example.com", ttl: .zero),
        ]
        let hosts = try Self.resolve(records).hosts.map { "\($0.name):\($0.port)" }
        #expect(hosts == ["c.example.com:3", "a.example.com:1", "a.example.com:2"])
    }

    static func records(_ count: Int) -> [SRVRecord] { (0..<count).map { .to("h\($0).example.com") } }

    @Test("a hundred hosts at most, unless srvMaxHosts chooses") func limit() throws {
        #expect(try Self.resolve(Self.records(100)).hosts.count == 100)
        #expect(try Self.code(Self.records(101)) == .tooManyHosts)
        #expect(try Self.code(Self.records(102), of: Self.uri + "?srvMaxHosts=101") == .tooManyHosts)
        #expect(try Self.resolve(Self.records(5000), of: Self.uri + "?srvMaxHosts=100").hosts.count == 100)
    }

    // MARK: - srvMaxHosts

    /// A generator whose numbers are known.
    struct Generator: RandomNumberGenerator, Sendable {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    static func choose(_ limit: Int, of count: Int, seed: UInt64) throws -> [String] {
        var generator = Generator(state: seed)
        return try seedlist(uri + "?srvMaxHosts=\(limit)")
            .resolved(services: records(count), texts: [], using: &generator).hosts.map(\.name)
    }

    @Test("the choice is the generator's, without repetition, and no host is chosen more often")
    func choice() throws {
        var chosen: [String: Int] = [:]
        for seed in 0..<2000 {
            let hosts = try Self.choose(2, of: 5, seed: UInt64(seed))
            #expect(try Self.choose(2, of: 5, seed: UInt64(seed)) == hosts)
            #expect(Set(hosts).count == 2)
            for host in hosts { chosen[host, default: 0] += 1 }
        }
        #expect(chosen.count == 5)
        // 800 each are expected; with fixed seeds the numbers never change.
        #expect(chosen.values.allSatisfy { (700...900).contains($0) }, "\(chosen)")
    }

    @Test("0, and as many as there are, leave all in order", arguments: [0, 5, 6]) func allHosts(_ limit: Int) throws {
        #expect(try Self.choose(limit, of: 5, seed: 1) == Self.records(5).map(\.target))
    }

    // MARK: - TXT

    @Test("the strings of one record are joined, and its options are defaults") func text() throws {
        let text = TXTRecord.of(["replicaS", "et=r", "", "s&authSource=db"])
        let resolved = try Self.resolve(
            Self.records(2), [text], of: "mongodb+srv://u:p@cluster.example.com/")
        #expect(resolved.options.replicaSet == "rs")
        #expect(resolved.credential?.source == "db")
        #expect(resolved.usesTLS)
    }

    @Test("a character may be cut in two by the border of strings") func cutCharacter() throws {
        let text = TXTRecord(strings: [Array("replicaSet=".utf8) + [0xC3], [0xA9]], ttl: .zero)
        #expect(try Self.resolve(Self.records(1), [text]).options.replicaSet == "é")
    }

    @Test(
        "records that are refused",
        arguments: [
            [.of(["replicaSet=a"]), .of(["authSource=b"])],
            [.of(["replicaSet=a"]), .of(["replicaSet=a"])],
            [TXTRecord(strings: [[0xFF, 0xFE]], ttl: .zero)],
            [.of(["tls=false"])],
            [.of(["v=spf1 -all"])],
            [.of(["authMechanism=PLAIN"])],
            [.of(["replicaSet"])],
        ] as [[TXTRecord]]) func badTexts(_ texts: [TXTRecord]) throws
    {
        let error = try #require(throws: SeedlistError.self) { try Self.resolve(Self.records(1), texts) }
        #expect(error.code == .invalidTXTRecord)
        #expect(error.name == "cluster.example.com")
    }

    @Test("an empty record is as good as none") func emptyText() throws {
        let resolved = try Self.resolve(Self.records(1), [.of([""])])
        #expect(resolved.options == (try MongoConnectionString(parsing: Self.uri)).options)
    }

    @Test("what does not go together", arguments: ["loadBalanced=true", "replicaSet=a&loadBalanced=true"])
    func conflict(_ text: String) throws {
        let error = try #require(throws: SeedlistError.self) { try Self.resolve(Self.records(2), [.of([text])]) }
        #expect(error.code == .conflictingOptions)
        #expect(error.underlying is ConnectionStringError)
    }

    // MARK: - Look-ups

    static let serviceName = "_mongodb._tcp.cluster.example.com"
    static let textName = "cluster.example.com"

    static func look(_ scripted: ScriptedServices) async throws -> MongoConnectionString {
        try await MongoConnectionString(parsing: uri).resolved(with: scripted, by: .now + .seconds(60))
    }

    @Test(
        "why there are no servers is told apart",
        arguments: [
            (.noSuchName, .noHosts), (.noRecords, .noHosts), (.temporaryFailure, .lookUpFailed),
            (.malformedAnswer, .lookUpFailed), (.failure, .lookUpFailed), (.deadlineExceeded, .deadlineExceeded),
        ] as [(NameResolutionError.Code, SeedlistError.Code)])
    func serviceFailure(_ code: NameResolutionError.Code, _ expected: SeedlistError.Code) async throws {
        let scripted = ScriptedServices(services: [Self.serviceName: .failure(code)], texts: [Self.textName: .silence])
        let error = try await #require(throws: SeedlistError.self) { try await Self.look(scripted) }
        #expect(error.code == expected)
        #expect(error.name == Self.serviceName)
        #expect((error.underlying as? NameResolutionError)?.code == code)
    }

    @Test("no TXT record is no error", arguments: [.noSuchName, .noRecords] as [NameResolutionError.Code])
    func noText(_ code: NameResolutionError.Code) async throws {
        let scripted = ScriptedServices(
            services: [Self.serviceName: .records(Self.records(2))], texts: [Self.textName: .failure(code)])
        #expect(try await Self.look(scripted).hosts.count == 2)
    }

    @Test(
        "a TXT look-up that fails is one",
        arguments: [
            (.temporaryFailure, .lookUpFailed), (.malformedAnswer, .lookUpFailed),
            (.deadlineExceeded, .deadlineExceeded),
        ] as [(NameResolutionError.Code, SeedlistError.Code)])
    func textFailure(_ code: NameResolutionError.Code, _ expected: SeedlistError.Code) async throws {
        let scripted = ScriptedServices(
            services: [Self.serviceName: .records(Self.records(2))], texts: [Self.textName: .failure(code)])
        let error = try await #require(throws: SeedlistError.self) { try await Self.look(scripted) }
        #expect(error.code == expected)
        #expect(error.name == Self.textName)
    }

    @Test("cancelling ends both look-ups", .timeLimit(.minutes(1))) func cancelling() async throws {
        let scripted = ScriptedServices(services: [Self.serviceName: .silence], texts: [Self.textName: .silence])
        let task = Task { try await Self.look(scripted) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("the generator can be given") func generator() async throws {
        let scripted = ScriptedServices(services: [Self.serviceName: .records(Self.records(5))])
        let string = try MongoConnectionString(parsing: Self.uri + "?srvMaxHosts=2")
        let resolved = try await string.resolved(
            with: scripted, by: .now + .seconds(60), using: Generator(state: 7))
        #expect(resolved.hosts.map(\.name) == (try Self.choose(2, of: 5, seed: 7)))
    }
}

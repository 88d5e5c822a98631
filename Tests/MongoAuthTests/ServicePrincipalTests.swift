import GSSCore
import NIOConcurrencyHelpers
import NameResolution
import Testing

@testable import MongoAuth

/// Name servers by script. What is not in the script does not exist.
private final class ScriptedResolver: NameResolver {
    private let script: Script
    private let asked = NIOLockedValueBox<[String]>([])

    struct Script: Sendable {
        var addresses: [String: [String]] = [:]
        var canonicalNames: [String: String] = [:]
        var names: [String: String] = [:]
        /// Thrown by every question.
        var error: (any Error)?
        /// Thrown by every question for a PTR record.
        var reverseError: (any Error)?
    }

    init(_ script: Script) {
        self.script = script
    }

    /// The questions in their order.
    var questions: [String] { asked.withLockedValue { $0 } }

    func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress] {
        asked.withLockedValue { $0.append("addresses \(host)") }
        if let error = script.error { throw error }
        if let literal = IPAddress(host) { return [literal] }
        return try known(script.addresses[host], host).compactMap { IPAddress($0) }
    }

    func canonicalName(of host: String, by deadline: ContinuousClock.Instant) async throws -> String {
        asked.withLockedValue { $0.append("canonical \(host)") }
        if let error = script.error { throw error }
        return try known(script.canonicalNames[host], host)
    }

    func name(of address: IPAddress, by deadline: ContinuousClock.Instant) async throws -> String {
        asked.withLockedValue { $0.append("name \(address)") }
        if let error = script.error ?? script.reverseError { throw error }
        return try known(script.names[address.description], address.description)
    }

    private func known<Answer>(_ answer: Answer?, _ name: String) throws -> Answer {
        guard let answer else { throw NameResolutionError(.noSuchName, name: name, "does not exist") }
        return answer
    }
}

@Suite struct ServicePrincipalTests {
    private static let deadline = ContinuousClock.now + .seconds(120)

    /// `alias` is a CNAME of `db.internal.example.com`, which has two addresses; the first belongs to `node7`.
    private static let network = ScriptedResolver.Script(
        addresses: [
            "alias.example.com": ["192.0.2.7", "192.0.2.8"], "lonely.example.com": ["192.0.2.9"],
            "none.example.com": [],
        ],
        canonicalNames: [
            "alias.example.com": "DB.Internal.Example.COM.", "alias.example.com.": "DB.Internal.Example.COM.",
            "lonely.example.com": "lonely.example.com",
            "none.example.com": "None.example.com", "blank.example.com": "", "dot.example.com": ".",
        ],
        names: [
            "192.0.2.7": "Node7.Internal.Example.COM.", "192.0.2.8": "node8.internal.example.com",
            "2001:db8::1": "node6.example.com", "192.0.2.33": "192.0.2.33", "192.0.2.34": "",
        ])

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var serverHost: String
        var mode = GSSAPIOptions.CanonicalizeHostName.none
        var serviceHost: String?
        var host: String
        var questions: [String] = []
        /// What the one warning says; `nil` where there is none.
        var warning: String?
    }

    private static let plain: [Case] = [
        Case(testDescription: "as given", serverHost: "db.example.com", host: "db.example.com"),
        Case(testDescription: "upper case", serverHost: "DB.Example.COM", host: "db.example.com"),
        Case(testDescription: "a trailing dot", serverHost: "db.example.com.", host: "db.example.com"),
        Case(testDescription: "an alias stays one", serverHost: "alias.example.com", host: "alias.example.com"),
        Case(
            testDescription: "SERVICE_HOST in place of the server's", serverHost: "127.0.0.1",
            serviceHost: "DB.example.com.", host: "db.example.com"),
        Case(
            testDescription: "a port", serverHost: "DB.example.com.:27017", host: "db.example.com",
            warning: "DB.example.com.:27017 has a port"),
        Case(
            testDescription: "a port of SERVICE_HOST", serverHost: "x", serviceHost: "db.example.com:1",
            host: "db.example.com", warning: "db.example.com:1 has a port"),
        Case(testDescription: "brackets around a name", serverHost: "[db.example.com]", host: "db.example.com"),
        Case(testDescription: "a colon that begins no port", serverHost: "db:x", host: "db:x"),
    ]

    private static let forward: [Case] = [
        Case(
            testDescription: "forward: the end of the chain", serverHost: "Alias.example.com.", mode: .forward,
            host: "db.internal.example.com", questions: ["canonical alias.example.com."]),
        Case(
            testDescription: "forward: a name of its own", serverHost: "lonely.example.com", mode: .forward,
            host: "lonely.example.com", questions: ["canonical lonely.example.com"]),
        Case(
            testDescription: "forward: the look-up fails", serverHost: "unknown.example.com", mode: .forward,
            host: "unknown.example.com", questions: ["canonical unknown.example.com"],
            warning: "falls back to the host unknown.example.com: unknown.example.com does not exist"),
        Case(
            testDescription: "forward: an empty answer", serverHost: "blank.example.com", mode: .forward,
            host: "blank.example.com", questions: ["canonical blank.example.com"],
            warning: "falls back to the host blank.example.com: blank.example.com has an empty name"),
        Case(
            testDescription: "forward: the root for an answer", serverHost: "dot.example.com", mode: .forward,
            host: "dot.example.com", questions: ["canonical dot.example.com"],
            warning: "falls back to the host dot.example.com: dot.example.com has an empty name"),
        Case(
            testDescription: "forward: from SERVICE_HOST", serverHost: "other.example.com", mode: .forward,
            serviceHost: "ALIAS.example.com", host: "db.internal.example.com",
            questions: ["canonical alias.example.com"]),
    ]

    private static let reverse: [Case] = [
        Case(
            testDescription: "reverse: the name of the first address", serverHost: "alias.example.com",
            mode: .forwardAndReverse, host: "node7.internal.example.com",
            questions: ["addresses alias.example.com", "name 192.0.2.7"]),
        Case(
            testDescription: "reverse: no PTR, so the end of the chain", serverHost: "lonely.example.com",
            mode: .forwardAndReverse, host: "lonely.example.com",
            questions: ["addresses lonely.example.com", "name 192.0.2.9", "canonical lonely.example.com"],
            warning: "falls back to the host lonely.example.com: 192.0.2.9 does not exist"),
        Case(
            testDescription: "reverse: no address", serverHost: "none.example.com", mode: .forwardAndReverse,
            host: "none.example.com", questions: ["addresses none.example.com", "canonical none.example.com"],
            warning: "none.example.com has no address"),
        Case(
            testDescription: "reverse: no such name", serverHost: "unknown.example.com", mode: .forwardAndReverse,
            host: "unknown.example.com", questions: ["addresses unknown.example.com", "canonical unknown.example.com"],
            warning: "falls back to the host unknown.example.com: unknown.example.com does not exist"),
        Case(
            testDescription: "reverse: of an address", serverHost: "2001:DB8::1", mode: .forwardAndReverse,
            host: "node6.example.com", questions: ["addresses 2001:db8::1", "name 2001:db8::1"]),
        Case(
            testDescription: "reverse: of an address in brackets with a zone", serverHost: "[2001:db8::1%eth0]",
            mode: .forwardAndReverse, host: "node6.example.com",
            questions: ["addresses 2001:db8::1", "name 2001:db8::1"]),
    ]

    @Test(arguments: plain + forward + reverse)
    func resolvesHosts(_ example: Case) async throws {
        let resolver = ScriptedResolver(Self.network)
        let principal = try await ServicePrincipal.resolve(
            serverHost: example.serverHost,
            options: GSSAPIOptions(serviceHost: example.serviceHost, canonicalizeHostName: example.mode),
            resolver: resolver, by: Self.deadline)
        #expect(principal.host == example.host)
        #expect(principal.warnings.count == (example.warning == nil ? 0 : 1), "\(principal.warnings)")
        #expect(principal.warnings.first?.contains(example.warning ?? "") ?? true, "\(principal.warnings)")
        #expect(resolver.questions == example.questions)
    }

    /// A numeric answer, or none, is no name: the address stays, and is warned of, behind what was missed.
    @Test(
        arguments: [
            ("192.0.2.1", .none), ("2001:db8::2", .none), ("192.0.2.1", .forward), ("192.0.2.33", .forwardAndReverse),
            ("192.0.2.34", .forwardAndReverse), ("192.0.2.35", .forwardAndReverse),
        ] as [(String, GSSAPIOptions.CanonicalizeHostName)])
    func anAddressIsWarnedOf(literal: String, mode: GSSAPIOptions.CanonicalizeHostName) async throws {
        let principal = try await ServicePrincipal.resolve(
            serverHost: literal, options: GSSAPIOptions(canonicalizeHostName: mode),
            resolver: ScriptedResolver(Self.network), by: Self.deadline)
        #expect(principal.host == literal)
        #expect(principal.warnings.count == (mode == .forwardAndReverse ? 2 : 1))
        #expect(principal.warnings.last?.contains("the address \(literal)") == true)
        #expect(principal.warnings.last?.contains("SERVICE_HOST") == true)
    }

    // MARK: - The other parts

    @Test(arguments: [
        (GSSAPIOptions(), "mongodb/db.example.com"),
        (GSSAPIOptions(serviceRealm: "EXAMPLE.COM"), "mongodb/db.example.com@EXAMPLE.COM"),
        (GSSAPIOptions(serviceName: "other", serviceHost: "x.example.com"), "other/x.example.com"),
    ])
    func serviceNameAndRealm(options: GSSAPIOptions, text: String) async throws {
        let principal = try await ServicePrincipal.resolve(
            serverHost: "db.example.com", options: options, resolver: ScriptedResolver(.init()), by: Self.deadline)
        #expect(principal.description == text)
        #expect(principal.serviceName == options.serviceName)
        #expect(principal.realm == options.serviceRealm)
    }

    @Test func aGivenRealmNeedsNoLookUpAndNoHostBasedName() async throws {
        let principal = try await ServicePrincipal.resolve(
            serverHost: "db.example.com", options: GSSAPIOptions(serviceRealm: "EXAMPLE.COM"),
            resolver: ScriptedResolver(.init()), by: Self.deadline)
        #expect(try principal.gssName() == .principal("mongodb/db.example.com@EXAMPLE.COM"))
    }

    private static let empties: [(String, GSSAPIOptions)] = [
        ("", GSSAPIOptions()), (".", GSSAPIOptions()), (":27017", GSSAPIOptions()), ("[]", GSSAPIOptions()),
        ("db", GSSAPIOptions(serviceName: "")),
        ("db", GSSAPIOptions(serviceRealm: "")), ("db", GSSAPIOptions(serviceHost: "")),
        ("", GSSAPIOptions(canonicalizeHostName: .forwardAndReverse)),
    ]

    @Test(arguments: empties)
    func emptyPartsAreRefused(serverHost: String, options: GSSAPIOptions) async {
        let resolver = ScriptedResolver(.init())
        let error = await #expect(throws: MongoAuthError.self) {
            try await ServicePrincipal.resolve(
                serverHost: serverHost, options: options, resolver: resolver, by: Self.deadline)
        }
        #expect(error?.code == .invalidCredential)
        #expect(resolver.questions.isEmpty)
    }

    // MARK: - Ends

    private static let modes: [GSSAPIOptions.CanonicalizeHostName] = [.forward, .forwardAndReverse]

    @Test(arguments: modes)
    func aPassedDeadlineIsNoFallBack(_ mode: GSSAPIOptions.CanonicalizeHostName) async {
        let resolver = ScriptedResolver(
            .init(error: NameResolutionError(.deadlineExceeded, name: "alias.example.com", "too late")))
        let error = await #expect(throws: MongoAuthError.self) {
            try await ServicePrincipal.resolve(
                serverHost: "alias.example.com", options: GSSAPIOptions(canonicalizeHostName: mode), resolver: resolver,
                by: Self.deadline)
        }
        #expect(error?.code == .deadlineExceeded)
        #expect((error?.underlying as? NameResolutionError)?.code == .deadlineExceeded)
        #expect(resolver.questions.count == 1)
    }

    @Test(arguments: modes)
    func cancellationComesThrough(_ mode: GSSAPIOptions.CanonicalizeHostName) async {
        let resolver = ScriptedResolver(.init(error: CancellationError()))
        await #expect(throws: CancellationError.self) {
            try await ServicePrincipal.resolve(
                serverHost: "alias.example.com", options: GSSAPIOptions(canonicalizeHostName: mode), resolver: resolver,
                by: Self.deadline)
        }
        #expect(resolver.questions.count == 1)
    }

    /// Everything else that a resolver says falls back.
    @Test(arguments: [NameResolutionError.Code.noSuchName, .noAddress, .temporaryFailure, .failure, .invalidName])
    func failuresFallBack(_ code: NameResolutionError.Code) async throws {
        var script = Self.network
        script.reverseError = NameResolutionError(code, name: "192.0.2.7", "no")
        let principal = try await ServicePrincipal.resolve(
            serverHost: "alias.example.com", options: GSSAPIOptions(canonicalizeHostName: .forwardAndReverse),
            resolver: ScriptedResolver(script), by: Self.deadline)
        #expect(principal.host == "db.internal.example.com")
        #expect(
            principal.warnings == [
                "CANONICALIZE_HOST_NAME falls back to the host db.internal.example.com: 192.0.2.7 no"
            ])

        script.error = NameResolutionError(code, name: "alias.example.com", "no")
        let given = try await ServicePrincipal.resolve(
            serverHost: "alias.example.com", options: GSSAPIOptions(canonicalizeHostName: .forwardAndReverse),
            resolver: ScriptedResolver(script), by: Self.deadline)
        #expect(given.host == "alias.example.com")
        #expect(
            given.warnings == ["CANONICALIZE_HOST_NAME falls back to the host alias.example.com: alias.example.com no"])
    }
}

import BlockingWork
import GSSCore
import NameResolution
import Testing

@testable import KerberosCredentials

/// Scripted name servers. What is not in the script does not exist.
private final class ScriptedResolver: NameResolver {
    private let script: Script
    private let asked = Locked<[String]>([])

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
    var questions: [String] { asked.withLock { $0 } }

    func addresses(
        of host: String, family: IPAddress.Family?, by deadline: ContinuousClock.Instant
    ) async throws -> [IPAddress] {
        asked.withLock { $0.append("addresses \(host)") }
        if let error = script.error { throw error }
        if let literal = IPAddress(host) { return [literal] }
        return try known(script.addresses[host], host).compactMap { IPAddress($0) }
    }

    func canonicalName(of host: String, by deadline: ContinuousClock.Instant) async throws -> String {
        asked.withLock { $0.append("canonical \(host)") }
        if let error = script.error { throw error }
        return try known(script.canonicalNames[host], host)
    }

    func name(of address: IPAddress, by deadline: ContinuousClock.Instant) async throws -> String {
        asked.withLock { $0.append("name \(address)") }
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
        var given: String
        var mode = HostCanonicalization.none
        var connectedAddress: String?
        var host: String
        var questions: [String] = []
        /// The one doubt; `nil` where there is none.
        var doubt: ServiceNameDoubt?
    }

    private static let plain: [Case] = [
        Case(testDescription: "as given", given: "db.example.com", host: "db.example.com"),
        Case(testDescription: "upper case", given: "DB.Example.COM", host: "db.example.com"),
        Case(testDescription: "a trailing dot", given: "db.example.com.", host: "db.example.com"),
        Case(testDescription: "an alias stays one", given: "alias.example.com", host: "alias.example.com"),
        Case(
            testDescription: "a port", given: "DB.example.com.:27017", host: "db.example.com",
            doubt: .hostHadPort(given: "DB.example.com.:27017", used: "db.example.com")),
        Case(testDescription: "brackets around a name", given: "[db.example.com]", host: "db.example.com"),
        Case(testDescription: "a colon that begins no port", given: "db:x", host: "db:x"),
    ]

    private static let forward: [Case] = [
        Case(
            testDescription: "forward: the end of the chain", given: "Alias.example.com.", mode: .forward,
            host: "db.internal.example.com", questions: ["canonical alias.example.com."]),
        Case(
            testDescription: "forward: a name of its own", given: "lonely.example.com", mode: .forward,
            host: "lonely.example.com", questions: ["canonical lonely.example.com"]),
        Case(
            testDescription: "forward: the look-up fails", given: "unknown.example.com", mode: .forward,
            host: "unknown.example.com", questions: ["canonical unknown.example.com"],
            doubt: .canonicalizationFellBack(
                host: "unknown.example.com", reasons: ["unknown.example.com does not exist"])),
        Case(
            testDescription: "forward: an empty answer", given: "blank.example.com", mode: .forward,
            host: "blank.example.com", questions: ["canonical blank.example.com"],
            doubt: .canonicalizationFellBack(
                host: "blank.example.com", reasons: ["blank.example.com has an empty name"])),
        Case(
            testDescription: "forward: the root for an answer", given: "dot.example.com", mode: .forward,
            host: "dot.example.com", questions: ["canonical dot.example.com"],
            doubt: .canonicalizationFellBack(
                host: "dot.example.com", reasons: ["dot.example.com has an empty name"])),
    ]

    private static let reverse: [Case] = [
        Case(
            testDescription: "reverse: the name of the first address", given: "alias.example.com",
            mode: .forwardAndReverse, host: "node7.internal.example.com",
            questions: ["addresses alias.example.com", "name 192.0.2.7"]),
        Case(
            testDescription: "reverse: the name of the address that was connected to", given: "alias.example.com",
            mode: .forwardAndReverse, connectedAddress: "192.0.2.8", host: "node8.internal.example.com",
            questions: ["name 192.0.2.8"]),
        Case(
            testDescription: "reverse: no PTR, so the end of the chain", given: "lonely.example.com",
            mode: .forwardAndReverse, host: "lonely.example.com",
            questions: ["addresses lonely.example.com", "name 192.0.2.9", "canonical lonely.example.com"],
            doubt: .canonicalizationFellBack(
                host: "lonely.example.com", reasons: ["192.0.2.9 does not exist"])),
        Case(
            testDescription: "reverse: no address", given: "none.example.com", mode: .forwardAndReverse,
            host: "none.example.com", questions: ["addresses none.example.com", "canonical none.example.com"],
            doubt: .canonicalizationFellBack(
                host: "none.example.com", reasons: ["none.example.com has no address"])),
        Case(
            testDescription: "reverse: no such name", given: "unknown.example.com", mode: .forwardAndReverse,
            host: "unknown.example.com", questions: ["addresses unknown.example.com", "canonical unknown.example.com"],
            doubt: .canonicalizationFellBack(
                host: "unknown.example.com", reasons: ["unknown.example.com does not exist"])),
        Case(
            testDescription: "reverse: of an address", given: "2001:DB8::1", mode: .forwardAndReverse,
            host: "node6.example.com", questions: ["addresses 2001:db8::1", "name 2001:db8::1"]),
        Case(
            testDescription: "reverse: of an address in brackets with a zone", given: "[2001:db8::1%eth0]",
            mode: .forwardAndReverse, host: "node6.example.com",
            questions: ["addresses 2001:db8::1", "name 2001:db8::1"]),
    ]

    @Test(arguments: plain + forward + reverse)
    func resolvesHosts(_ example: Case) async throws {
        let resolver = ScriptedResolver(Self.network)
        let principal = try await ServicePrincipal.resolve(
            service: "mongodb", host: example.given, canonicalization: example.mode,
            connectedAddress: example.connectedAddress.flatMap { IPAddress($0) }, resolver: resolver, by: Self.deadline)
        #expect(principal.host == example.host)
        #expect(principal.doubts == (example.doubt.map { [$0] } ?? []))
        #expect(resolver.questions == example.questions)
    }

    /// A numeric answer, or none, is no name: the address stays, and is warned of, behind what was missed.
    @Test(
        arguments: [
            ("192.0.2.1", .none), ("2001:db8::2", .none), ("192.0.2.1", .forward), ("192.0.2.33", .forwardAndReverse),
            ("192.0.2.34", .forwardAndReverse), ("192.0.2.35", .forwardAndReverse),
        ] as [(String, HostCanonicalization)])
    func anAddressIsWarnedOf(literal: String, mode: HostCanonicalization) async throws {
        let principal = try await ServicePrincipal.resolve(
            service: "mongodb", host: literal, canonicalization: mode,
            resolver: ScriptedResolver(Self.network), by: Self.deadline)
        #expect(principal.host == literal)
        #expect(principal.doubts.count == (mode == .forwardAndReverse ? 2 : 1))
        #expect(principal.doubts.last == .hostIsAddress(literal))
    }

    // MARK: - The other parts

    @Test(arguments: [nil, "EXAMPLE.COM"])
    func serviceNameAndRealm(realm: String?) async throws {
        let principal = try await ServicePrincipal.resolve(
            service: "ldap", realm: realm, host: "DB.example.com", resolver: ScriptedResolver(.init()),
            by: Self.deadline)
        #expect(principal.description == "ldap/db.example.com" + (realm.map { "@\($0)" } ?? ""))
        #expect(
            principal
                == ServicePrincipal(
                    service: "ldap", host: "db.example.com", realm: realm, doubts: [.hostIsAddress("x")]))
    }

    @Test func aGivenRealmNeedsNoLookUpAndNoHostBasedName() throws {
        let principal = ServicePrincipal(service: "mongodb", host: "db.example.com", realm: "EXAMPLE.COM")
        #expect(try principal.gssName() == .principal("mongodb/db.example.com@EXAMPLE.COM"))
    }

    /// `é` as one scalar and as two: equal to Swift, two names to Kerberos and to the file system.
    @Test func namesAreBytes() {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}")
        #expect(one == two)
        func differ<Value: Hashable>(_ make: (String) -> Value) -> Bool {
            Set([make(one), make(two), make(one)]).count == 2
        }
        #expect(differ { ServicePrincipal(service: $0, host: "h", realm: "R") })
        #expect(differ { ServicePrincipal(service: "s", host: $0, realm: "R") })
        #expect(differ { ServicePrincipal(service: "s", host: "h", realm: $0) })
        #expect(differ { KerberosIdentity.system(user: $0) })
        #expect(differ { KerberosIdentity.cache($0) })
        #expect(differ { KerberosIdentity.keytab($0) })
        #expect(differ { KerberosIdentity.keytab("k", user: "u", verify: .init(service: $0)) })
        #expect(differ { KerberosIdentity.keytab("k", user: "u", verify: .init(keytab: $0)) })
        #expect(differ { KerberosIdentity.password(Secret("p"), user: $0) })
        #expect(!isSameText(one, two) && isSameText(one, one) && isSameText(nil, nil) && !isSameText(one, nil))
    }

    /// Everything that makes an identity another one.
    @Test func identitiesDiffer() {
        let identities: [KerberosIdentity] = [
            .system(), .system(user: ""), .system(user: "u"), .cache("c"), .cache("c", user: "u"), .cache("d"),
            .keytab(nil), .keytab("c"), .keytab("c", verify: .init()), .keytab("c", verify: .init(service: "s")),
            .keytab("c", verify: .init(keytab: "s")), .password(Secret("p"), user: "u"),
            .password(Secret("q"), user: "u"), .password(Secret("p"), user: "u", verify: .init()),
        ]
        #expect(Set(identities).count == identities.count)
    }

    /// The service, the realm and the host.
    private static let empties: [(String, String?, String)] = [
        ("ldap", nil, ""), ("ldap", nil, "."), ("ldap", nil, ":27017"), ("ldap", nil, "[]"), ("", nil, "db"),
        ("ldap", "", "db"),
    ]

    @Test(arguments: empties)
    func emptyPartsAreRefused(service: String, realm: String?, host: String) async {
        let resolver = ScriptedResolver(.init())
        let error = await #expect(throws: KerberosCredentialError.self) {
            try await ServicePrincipal.resolve(
                service: service, realm: realm, host: host, canonicalization: .forwardAndReverse, resolver: resolver,
                by: Self.deadline)
        }
        #expect(error?.code == .invalidService)
        #expect(resolver.questions.isEmpty)
    }

    // MARK: - Ends

    private static let modes: [HostCanonicalization] = [.forward, .forwardAndReverse]

    @Test(arguments: modes)
    func aPassedDeadlineIsNoFallBack(_ mode: HostCanonicalization) async {
        let resolver = ScriptedResolver(
            .init(error: NameResolutionError(.deadlineExceeded, name: "alias.example.com", "too late")))
        let error = await #expect(throws: KerberosCredentialError.self) {
            try await ServicePrincipal.resolve(
                service: "mongodb", host: "alias.example.com", canonicalization: mode, resolver: resolver,
                by: Self.deadline)
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.nameResolution?.code == .deadlineExceeded)
        #expect(resolver.questions.count == 1)
    }

    @Test(arguments: modes)
    func cancellationComesThrough(_ mode: HostCanonicalization) async {
        let resolver = ScriptedResolver(.init(error: CancellationError()))
        await #expect(throws: CancellationError.self) {
            try await ServicePrincipal.resolve(
                service: "mongodb", host: "alias.example.com", canonicalization: mode, resolver: resolver,
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
            service: "mongodb", host: "alias.example.com", canonicalization: .forwardAndReverse,
            resolver: ScriptedResolver(script), by: Self.deadline)
        #expect(principal.host == "db.internal.example.com")
        let missed = ["192.0.2.7 no"]
        #expect(principal.doubts == [.canonicalizationFellBack(host: "db.internal.example.com", reasons: missed)])

        script.error = NameResolutionError(code, name: "alias.example.com", "no")
        let given = try await ServicePrincipal.resolve(
            service: "mongodb", host: "alias.example.com", canonicalization: .forwardAndReverse,
            resolver: ScriptedResolver(script), by: Self.deadline)
        #expect(given.host == "alias.example.com")
        let missing = ["alias.example.com no"]
        #expect(given.doubts == [.canonicalizationFellBack(host: "alias.example.com", reasons: missing)])
    }
}

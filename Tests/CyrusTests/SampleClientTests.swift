import GSSCore
import GSSKerberos
import Glibc
import KerberosTestKit
import SASL
import SASLGSSAPI
import SASLSCRAM
import TestSupport
import Testing

/// Our server, and Cyrus' client.
@Suite struct SampleClientTests {
    /// What came of an attempt: who it is, or why not.
    struct Outcome {
        var identity: SaslIdentity?
        var layer: SaslSecurityLayers?
        var error: SaslError?
        var result: Child.Result
    }

    /// - Parameter password: What the client is told when it asks.
    static func serve(
        _ mechanism: some SaslServerMechanism, _ arguments: [String], password: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        var client = try SampleProgram(
            .client, ["-m", mechanism.name.rawValue, "-n", "localhost"] + arguments, environment: environment)
        try client.send(Array(mechanism.name.rawValue.utf8))
        // Without an initial response it has no use for the password before the first challenge.
        let sendsInitialResponse = !arguments.contains("-d")
        if let password, sendsInitialResponse { try client.say(password) }
        // The mechanism's name, an octet of zero, and the initial response.
        let opening = try #require(await client.receive(), "the client has not begun")
            .split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        #expect(opening.first.map(Array.init) == Array(mechanism.name.rawValue.utf8))
        #expect(opening.count == 2 && (sendsInitialResponse || opening[1].isEmpty))
        var response = sendsInitialResponse ? opening.last.map(Array.init) : nil
        var session = try SaslServerSession(mechanism, sendsDataWithSuccess: false)
        var error: SaslError?
        do {
            while session.identity == nil {
                guard case .challenge(let challenge) = try session.step(response) else { break }
                try client.send(challenge)
                if response == nil, let password { try client.say(password) }
                guard let next = await client.receive() else { break }
                response = next
            }
        } catch let thrown as SaslError {
            error = thrown
        }
        let identity = session.identity
        var protection: SaslSecurityLayers?
        if identity != nil {
            let layer = try session.makeSecurityLayer()
            protection = layer.protection
            try await client.exchangeMessages(through: layer)
        }
        return Outcome(identity: identity, layer: protection, error: error, result: try await client.end())
    }

    // MARK: - Passwords

    private static func scram(_ hash: ScramMechanism.Hash) -> ScramServerMechanism {
        ScramServerMechanism(hash) { user throws(SaslError) in
            guard user == "ann" else { return nil }
            return try ScramStoredKeys(
                hash, username: user, password: Secret("pencil"), salt: Array(1...16), iterations: 4096)
        }
    }

    /// With an initial response, and without.
    @Test(arguments: ScramMechanism.Hash.allCases, [[], ["-d"]])
    func scram(hash: ScramMechanism.Hash, options: [String]) async throws {
        let outcome = try await Self.serve(
            Self.scram(hash), ["-a", "ann", "-u", "ann"] + options, password: "pencil")
        #expect(outcome.identity?.authorizationIdentity == "ann" && outcome.result.status == 0, "\(outcome)")
    }

    @Test(
        arguments: ScramMechanism.Hash.allCases,
        [
            ("ann", "ann", "Pencil", .credentialsRejected), ("eve", "eve", "pencil", .credentialsRejected),
            ("ann", "bob", "pencil", .notAuthorized),
        ] as [(String, String, String, SaslError.Code)])
    func scramThatIsRefused(
        hash: ScramMechanism.Hash, attempt: (user: String, wanted: String, password: String, code: SaslError.Code)
    ) async throws {
        let outcome = try await Self.serve(
            Self.scram(hash), ["-a", attempt.user, "-u", attempt.wanted], password: attempt.password)
        #expect(outcome.identity == nil && outcome.error?.code == attempt.code, "\(outcome)")
        #expect(outcome.result.status == 1, "\(outcome)")
    }

    @Test(arguments: [[], ["-d"]])
    func plain(options: [String]) async throws {
        let mechanism = PlainServerMechanism { $0 == "ann" && $1 == Secret("pencil") }
        let right = try await Self.serve(mechanism, ["-a", "ann", "-u", "ann"] + options, password: "pencil")
        #expect(right.identity?.authenticationIdentity == "ann" && right.result.status == 0, "\(right)")
        let wrong = try await Self.serve(mechanism, ["-a", "ann", "-u", "ann"] + options, password: "Pencil")
        #expect(wrong.error?.code == .credentialsRejected && wrong.result.status == 1, "\(wrong)")
        let other = try await Self.serve(mechanism, ["-a", "ann", "-u", "bob"] + options, password: "pencil")
        #expect(other.error?.code == .notAuthorized && other.result.status == 1, "\(other)")
    }

    // MARK: - Kerberos

    struct Layer: Codable, Sendable, CustomTestStringConvertible {
        var mechanism: String
        /// What the client demands, in bits of strength.
        var bits: String
        var layer: UInt8

        var testDescription: String { "\(mechanism), \(bits)" }
    }

    private static let layers: [Layer] = [
        Layer(mechanism: "GSSAPI", bits: "min=0,max=0", layer: SaslSecurityLayers.none.rawValue),
        Layer(mechanism: "GSSAPI", bits: "min=1,max=1", layer: SaslSecurityLayers.integrity.rawValue),
        Layer(mechanism: "GSSAPI", bits: "min=56,max=256", layer: SaslSecurityLayers.confidentiality.rawValue),
        Layer(mechanism: "GSSAPI", bits: "min=256,max=256", layer: SaslSecurityLayers.confidentiality.rawValue),
        Layer(mechanism: "GSS-SPNEGO", bits: "min=0,max=0", layer: SaslSecurityLayers.none.rawValue),
        Layer(mechanism: "GSS-SPNEGO", bits: "min=56,max=256", layer: SaslSecurityLayers.confidentiality.rawValue),
    ]

    @Test(arguments: layers)
    func kerberos(layer: Layer) async throws {
        let shared = try await SharedRealm.shared
        let environment = shared.realm.environment(cache: shared.annCache)
        let (keytab, ann) = (shared.serviceKeytab, shared.ann)
        await #expect(processExitsWith: .success) {
            [
                environment = environment as [String: String], keytab = keytab as String, ann = ann as String,
                layer = layer as Layer
            ] in
            for (name, value) in environment { setenv(name, value, 1) }
            let isSPNEGO = layer.mechanism == "GSS-SPNEGO"
            let credential = try KerberosCredential(
                usage: .accept, store: KerberosCredentialStore(keytab: keytab, replayCache: "none:"),
                mechanisms: [isSPNEGO ? .spnego : .kerberos5])
            let provider = KerberosProvider(credential: credential)
            let arguments = ["-b", layer.bits, "-u", ""]
            let outcome =
                isSPNEGO
                ? try await SampleClientTests.serve(
                    SPNEGOServerMechanism(provider: provider, layers: .all), arguments, environment: environment)
                : try await SampleClientTests.serve(
                    GSSAPIServerMechanism(provider: provider, layers: .all), arguments, environment: environment)
            #expect(outcome.identity?.authenticationIdentity == ann, "\(outcome)")
            #expect(outcome.layer?.rawValue == layer.layer && outcome.result.status == 0, "\(outcome)")
        }
    }
}

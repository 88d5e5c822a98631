import GSSCore
import KerberosCredentials
import MongoAuth
import MongoConnect
import MongoTransport
import NIOPosix
import SASL
import SASLGSSAPI
import SaslConnectionString
import Testing

/// What the articles show, as far as it runs without a KDC. `make docs` checks that they show this code.
@Suite struct DocumentationTests {
    /// The loop of the article against a server's session, both over what a mechanism is.
    private static func converse(
        _ client: any SaslMechanism, with server: any SaslServerMechanism, isHonest: Bool = true
    ) async throws -> SaslIdentity? {
        var serverSession = try SaslServerSession(server)
        try await authenticate(try SaslSession(client)) { token in
            switch try serverSession.step(token) {
            case .challenge(let challenge): ServerAnswer(challenge: challenge, isSuccess: !isHonest)
            case .success(_, let data): ServerAnswer(challenge: data, isSuccess: true)
            }
        }
        return serverSession.identity
    }

    @Test func aSessionRunsOverAnyProtocol() async throws {
        let server = PlainServerMechanism { user, password throws(SaslError) in
            user == "ann" && password == Secret("secret")
        }
        let client = PlainMechanism(username: "ann", password: Secret("secret"))
        #expect(try await Self.converse(client, with: server)?.authorizationIdentity == "ann")
        let error = await #expect(throws: SaslError.self) {
            _ = try await Self.converse(PlainMechanism(username: "ann", password: Secret("wrong")), with: server)
        }
        #expect(error?.code == .credentialsRejected)
    }

    @Test func aProviderServesTheMechanismOnBothSides() async throws {
        let client = client(of: ToyProvider(user: "ann@EXAMPLE.COM"))
        let server = GSSAPIServerMechanism(provider: ToyProvider(user: ""))
        #expect(try await Self.converse(client, with: server)?.authenticationIdentity == "ann@EXAMPLE.COM")
    }

    @Test func scramOnBothSides() async throws {
        let server = scramServer(["ann": try storedKeys(of: Secret("secret"))])
        #expect(try await Self.converse(scramClient(Secret("secret")), with: server)?.authorizationIdentity == "ann")
        await #expect(throws: SaslError.self) {
            _ = try await Self.converse(scramClient(Secret("wrong")), with: server)
        }
    }

    @Test func aContextIsEstablishedStepByStep() async throws {
        let acceptor = ToyContext(isInitiator: false, user: "", service: "", asks: [])
        let context = try await establish(
            with: ToyProvider(user: "ann@EXAMPLE.COM"), target: .service("ldap", host: "ldap.example.com")
        ) { try acceptor.establish($0).token }
        #expect(try context.initiatorName() == "ann@EXAMPLE.COM")
    }

    @Test func aServerThatIsDoneEarlyIsNotBelieved() async throws {
        let client = client(of: ToyProvider(user: "ann@EXAMPLE.COM"))
        let server = GSSAPIServerMechanism(provider: ToyProvider(user: ""))
        await #expect(throws: NotAuthenticated.self) {
            _ = try await Self.converse(client, with: server, isHonest: false)
        }
    }

    @Test func aServersMechanismFromOutside() throws {
        var session = try SaslServerSession(AnonymousServerMechanism())
        guard case .success(let identity, nil) = try session.step(Array("ann on her laptop".utf8)) else {
            Issue.record("the client was not authenticated")
            return
        }
        #expect(identity.authenticationIdentity == "anonymous")
    }

    @Test func mechanismsOfAnApplication() throws {
        let added = mechanisms { user in PlainMechanism(username: user, password: Secret("secret")) }
        #expect(added.allows(.gssapi) && added.allows(SaslMechanismName(literal: "X-EXAMPLE")))
        #expect(!added.allows(.plain))
        #expect(!kerberosOnly.mechanisms.allows(.plain))
    }

    @Test func aPasswordGoesOverEncryptedConnectionsOnly() throws {
        var registry = SaslRegistry()
        registry.register(PlainMechanism(username: "ann", password: Secret("secret")))
        #expect(try select(from: ["PLAIN"], of: registry, isEncrypted: true).name == .plain)
        let error = #expect(throws: SaslError.self) {
            _ = try select(from: ["PLAIN"], of: registry, isEncrypted: false)
        }
        #expect(error?.code == .mechanismUnavailable)
    }

    @Test func errorsAndWhatToDo() throws {
        let expected: [(any Error, Remedy)] = [
            (TransportError(.connect, phase: .tcp, "nobody listens"), .tryAgain),
            (TransportError(.tls, phase: .tls, "not trusted", tlsFailure: .notTrusted), .callAdministrator),
            (SeedlistError(.noHosts, name: "_mongodb._tcp.example.com", "no record"), .correctSettings),
            (
                MongoAuthError(.kerberos, "", underlying: KerberosCredentialError(.noCredentials, "no cache")),
                .newTicket
            ),
            (MongoAuthError(.serverNotProven, "done too early"), .distrust),
            (MongoAuthError(.refused, "no such user"), .callAdministrator),
        ]
        for (error, what) in expected {
            #expect(remedy(for: error) == what, "\(error)")
        }
        let malformed = #expect(throws: ConnectionStringError.self) {
            _ = try MongoConnectionString(parsing: "mongo://")
        }
        #expect(remedy(for: try #require(malformed)) == .correctSettings)
    }

    @Test func theNameOfAKerberosError() {
        let error = GSSError(call: "krb5_get_credentials", major: GSSMajorStatus(.failure), minor: 0x96C7_3A07)
        let failure = KerberosCredentialError(.kerberos, "", underlying: error)
        #expect(
            kerberosName(of: MongoAuthError(.kerberos, "", underlying: failure)) == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN")
    }

    @Test func nobodyListens() async throws {
        let error = await #expect(throws: (any Error).self) {
            try await connectToEveryHost(
                MongoConnector(group: .singletonMultiThreadedEventLoopGroup),
                of: try MongoConnectionString(parsing: "mongodb://localhost:1/"), by: .now + .seconds(10))
        }
        #expect(remedy(for: try #require(error)) == .tryAgain)
    }
}

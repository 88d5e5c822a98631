import GSSCore
import SASL
import SASLGSSAPI
import Testing

typealias Policy = GSSAPIMechanism.SecurityLayerPolicy
typealias AuthorizationIdentity = GSSAPIMechanism.AuthorizationIdentity

/// A session over a scripted context, and the server at its other end.
struct Fixture: ~Copyable {
    static let target = GSSName.service("mongodb", host: "db.example.com")
    static let authorizationIdentity = "ann@EXAMPLE.COM"
    /// The server's AP-REP, of which a scripted context reads nothing.
    static let serverToken = Array("AP-REP".utf8)

    let log: FakeLog
    var session: SaslSession
    /// Held by the session only: a failed step releases it.
    private(set) weak var gssapi: GSSAPIExchange?
    /// The server's side of the context.
    var server: FakeProtection

    init(
        _ script: FakeScript = .kerberos, policy: Policy = .none,
        as authorizationIdentity: AuthorizationIdentity = .text(Self.authorizationIdentity), error: GSSError? = nil
    ) throws {
        let provider = FakeProvider(script: script, error: error)
        log = provider.log
        let mechanism = GSSAPIMechanism(
            provider: provider, target: Self.target, authorizationIdentity: authorizationIdentity, securityLayer: policy
        )
        let exchange = try mechanism.makeExchange()
        gssapi = exchange
        session = SaslSession(exchange, mechanism: mechanism.name)
        server = FakeProtection(key: script.key, isInitiator: false)
    }

    /// Brings the exchange to where it waits for the offer.
    mutating func establish() throws {
        _ = try session.step(nil)
        #expect(try session.step(Self.serverToken) == .respond([]))
    }

    /// The offer in its usual form: wrapped without encryption.
    mutating func offer(_ layers: SaslSecurityLayers, size: UInt32 = 0) -> [UInt8] {
        wrapped(
            [
                layers.rawValue, UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8),
                UInt8(truncatingIfNeeded: size),
            ])
    }

    mutating func wrapped(_ message: [UInt8], confidential: Bool = false) -> [UInt8] {
        server.wrap(message, confidential: confidential).bytes
    }

    /// Takes an offer and gives the clear text of the answer.
    mutating func answer(to offer: [UInt8]) throws -> GSSUnwrappedMessage {
        guard case .respond(let response) = try session.step(offer) else {
            Issue.record("the offer was not answered")
            return GSSUnwrappedMessage(bytes: [], isConfidential: false)
        }
        return try server.unwrap(response)
    }

    /// A step fails as expected, and leaves nothing behind: no further step, no layer, no context.
    @discardableResult
    mutating func expectFailure(
        _ code: SaslError.Code, of challenge: [UInt8]?, sourceLocation: SourceLocation = #_sourceLocation
    ) -> SaslError? {
        let error = #expect(throws: SaslError.self, sourceLocation: sourceLocation) { try session.step(challenge) }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        for challenge in [nil, [], Self.serverToken] as [[UInt8]?] {
            let later = #expect(throws: SaslError.self, sourceLocation: sourceLocation) { try session.step(challenge) }
            #expect(later?.code == .poisoned, sourceLocation: sourceLocation)
            #expect(session.isComplete == false, sourceLocation: sourceLocation)
        }
        let layer = #expect(throws: SaslError.self, sourceLocation: sourceLocation) { try session.makeSecurityLayer() }
        #expect(layer?.code == .incomplete, sourceLocation: sourceLocation)
        let entries = log.entries
        #expect(entries.released == entries.made, "the context is still held", sourceLocation: sourceLocation)
        return error
    }
}

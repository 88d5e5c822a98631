import ExampleSupport
import LDAP
import NIOCore
import SASL

/// One client, without I/O: received bytes in, answers out.
struct LDAPSession: ~Copyable {
    private static let whoAmI = "1.3.6.1.4.1.4203.1.11.3"

    private let mechanisms: [any SaslServerMechanism]
    private let isBehindTLS: Bool
    /// The connection's security layer; none at first.
    private var codec = SaslLayerCodec(NoSecurityLayer())
    /// The received part of an incomplete message.
    private var buffer = ByteBuffer()
    private var session: SaslServerSession?
    private var identity: SaslIdentity?
    /// Whether the client has unbound.
    private(set) var isOver = false

    init(_ mechanisms: [any SaslServerMechanism], isBehindTLS: Bool) {
        self.mechanisms = mechanisms
        self.isBehindTLS = isBehindTLS
    }

    /// - Throws: An error that ends the connection without an answer.
    mutating func receive(_ bytes: [UInt8]) throws -> [UInt8] {
        buffer.writeBytes(try codec.decode(bytes))
        var answers: [UInt8] = []
        while !isOver, let message = try LDAPMessage.next(of: &buffer) {
            switch message.tag {
            case LDAPMessage.bindRequest: answers += try bind(message)
            case LDAPMessage.extendedRequest: answers += try codec.encode(try extended(message))
            case LDAPMessage.unbindRequest: isOver = true
            default: throw LDAPError.malformed("an unknown operation")
            }
        }
        return answers
    }

    private mutating func bind(_ message: LDAPMessage) throws -> [UInt8] {
        // A failed bind leaves the session anonymous (RFC 4513 section 4).
        identity = nil
        let parts = try message.elements()
        // SASL, in a context tag of its own; `simple` is another.
        guard parts.count >= 3, parts[2].tag == 0xA3, let name = try parts[2].elements().first?.text else {
            return try refuse(message, LDAPResult.authMethodNotSupported)
        }
        // The layer of another bind would replace the current one.
        guard codec.protection == .none else { return try refuse(message, LDAPResult.unwillingToPerform) }
        // Without credentials there is no initial response. Later on clients omit empty ones.
        var credentials = try parts[2].elements().dropFirst().first?.content
        // Another mechanism restarts the bind (RFC 4511 section 4.2.1).
        if session == nil || session?.mechanism.rawValue != name {
            guard let mechanism = mechanisms.first(where: { $0.name.rawValue == name }) else {
                return try refuse(message, LDAPResult.authMethodNotSupported)
            }
            guard isBehindTLS || !mechanism.traits.sendsPlaintextSecret else {
                return try refuse(message, LDAPResult.confidentialityRequired)
            }
            session = try SaslServerSession(mechanism, authorize: Self.underOwnName)
        } else {
            credentials = credentials ?? []
        }
        do {
            switch try session?.step(credentials) {
            case .challenge(let challenge):
                return answer(
                    message, LDAPResult(LDAPResult.saslBindInProgress, serverSaslCredentials: challenge))
            case .success(let identity, let data): return try begin(identity, data, message)
            case nil: return try refuse(message, LDAPResult.protocolError)
            }
        } catch let error as SaslError {
            // The reason is only for the log.
            say("refused: \(error)")
            return try refuse(message, LDAPResult.invalidCredentials)
        }
    }

    /// The response is sent unprotected, and all that follows through the layer. Bytes that have already come are not
    /// authenticated.
    private mutating func begin(
        _ identity: SaslIdentity, _ data: [UInt8]?, _ message: LDAPMessage
    ) throws -> [UInt8] {
        guard buffer.readableBytes == 0, let layer = try session?.makeSecurityLayer() else {
            throw LDAPError.malformed("unprotected bytes before the security layer")
        }
        say("\(identity.authenticationIdentity), \(session?.mechanism.rawValue ?? ""), layer: \(layer.protection)")
        session = nil
        self.identity = identity
        codec = SaslLayerCodec(layer)
        return answer(message, LDAPResult(LDAPResult.success, serverSaslCredentials: data))
    }

    private func extended(_ message: LDAPMessage) throws -> [UInt8] {
        guard try message.elements().first?.text == Self.whoAmI else {
            return LDAPMessage.encoded(
                message.identifier, LDAPResult(LDAPResult.protocolError).element(LDAPMessage.extendedResponse))
        }
        // Empty for an anonymous client (RFC 4532 section 2.2).
        let name = identity.map { "u:\($0.authorizationIdentity)" } ?? ""
        return LDAPMessage.encoded(
            message.identifier,
            LDAPResult(LDAPResult.success).element(LDAPMessage.extendedResponse, [BERElement(0x8B, text: name)]))
    }

    private mutating func refuse(_ message: LDAPMessage, _ code: Int32) throws -> [UInt8] {
        session = nil
        return try codec.encode(answer(message, LDAPResult(code)))
    }

    private func answer(_ message: LDAPMessage, _ result: LDAPResult) -> [UInt8] {
        LDAPMessage.encoded(message.identifier, result.element(LDAPMessage.bindResponse))
    }

    /// An authorization identity is `u:` and a name here (RFC 4513 section 5.2.1.8); users act only as themselves.
    private static let underOwnName: SaslAuthorizer = { client in
        let name = client.authenticationIdentity
        guard let wanted = client.authorizationIdentity else { return name }
        return wanted.utf8.elementsEqual("u:\(name)".utf8) ? name : nil
    }
}

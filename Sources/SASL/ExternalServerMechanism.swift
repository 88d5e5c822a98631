/// The server side of EXTERNAL (RFC 4422 appendix A): the connection has identified the client, for example by its
/// certificate.
public struct ExternalServerMechanism: SaslServerMechanism {
    private let identity: String

    /// Creates the mechanism for one connection.
    ///
    /// - Parameter identity: The client's identity, as proven by the connection. Do not offer the mechanism without
    ///   one.
    public init(identity: String) {
        self.identity = identity
    }

    /// Always ``SaslMechanismName/external``.
    public var name: SaslMechanismName { .external }

    /// The client speaks first.
    public var traits: SaslMechanismTraits { SaslMechanismTraits() }

    /// Begins an authentication.
    ///
    /// - Throws: ``SaslError/Code/invalidConfiguration`` for an empty identity.
    public func makeExchange() throws(SaslError) -> some SaslServerExchange {
        guard !identity.isEmpty else {
            throw SaslError(.invalidConfiguration, "the connection does not identify the client")
        }
        return ExternalServerExchange(identity)
    }
}

private final class ExternalServerExchange: SaslServerExchange {
    private let identity: String

    init(_ identity: String) {
        self.identity = identity
    }

    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
        guard let response, !response.contains(0), let wanted = String(validating: response, as: UTF8.self) else {
            throw SaslError(.malformedResponse, "the client's authorization identity is not UTF-8, or holds a NUL")
        }
        return .authenticated(
            SaslAuthentication(authenticationIdentity: identity, authorizationIdentity: wanted), data: nil)
    }
}

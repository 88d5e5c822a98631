/// The mechanism EXTERNAL (RFC 4422 appendix A): the connection itself has authenticated the client, for example by its
/// TLS certificate.
public struct ExternalMechanism: SaslMechanism {
    private let authorizationIdentity: String

    /// Creates the mechanism.
    ///
    /// - Parameter authorizationIdentity: The identity to act as; empty, the default, means the one that the connection
    ///   proves.
    public init(authorizationIdentity: String = "") {
        self.authorizationIdentity = authorizationIdentity
    }

    /// Always ``SaslMechanismName/external``.
    public var name: SaslMechanismName { .external }

    /// The client speaks first.
    public var traits: SaslMechanismTraits { SaslMechanismTraits() }

    /// Begins an authentication.
    ///
    /// - Throws: ``SaslError/Code/invalidConfiguration`` for a NUL in the authorization identity.
    public func makeExchange() throws(SaslError) -> some SaslExchange {
        guard !authorizationIdentity.utf8.contains(0) else {
            throw SaslError(
                .invalidConfiguration, "EXTERNAL cannot carry a NUL character in the authorization identity")
        }
        return SingleResponseExchange(mechanism: name, response: Array(authorizationIdentity.utf8))
    }
}

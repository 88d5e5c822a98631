/// The mechanism PLAIN (RFC 4616): an authorization identity, an authentication identity and a password in one message.
///
/// The server sees the password: use it on encrypted connections only. The response holds it in clear text;
/// its receiver must wipe it.
public struct PlainMechanism: SaslMechanism {
    private let authorizationIdentity: String
    private let username: String
    private let password: Secret

    /// Creates the mechanism.
    ///
    /// - Parameters:
    ///   - authorizationIdentity: The identity to act as; empty, the default, means `username`.
    ///   - username: Who authenticates. Must not be empty.
    ///   - password: The password, as UTF-8. Must not be empty.
    ///
    /// None of the three may hold a NUL character; ``makeExchange()`` checks that.
    public init(authorizationIdentity: String = "", username: String, password: Secret) {
        self.authorizationIdentity = authorizationIdentity
        self.username = username
        self.password = password
    }

    /// Always ``SaslMechanismName/plain``.
    public var name: SaslMechanismName { .plain }

    /// The client speaks first, and its password goes over the wire.
    public var traits: SaslMechanismTraits { SaslMechanismTraits(sendsPlaintextSecret: true) }

    /// Begins an authentication.
    ///
    /// - Throws: ``SaslError/Code/invalidConfiguration`` for an empty user name or password, or a NUL in one of them.
    public func makeExchange() throws(SaslError) -> some SaslExchange {
        guard !username.isEmpty, password.count > 0 else {
            throw SaslError(.invalidConfiguration, "PLAIN needs a user name and a password; one of them is empty")
        }
        let hasNUL =
            authorizationIdentity.utf8.contains(0) || username.utf8.contains(0)
            || password.withBytes { $0.contains(0) }
        guard !hasNUL else {
            throw SaslError(.invalidConfiguration, "PLAIN cannot carry a NUL character in a name or password")
        }
        var message = Array("\(authorizationIdentity)\0\(username)\0".utf8)
        password.withBytes { message.append(contentsOf: $0) }
        return SingleResponseExchange(mechanism: name, response: message)
    }
}

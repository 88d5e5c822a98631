/// The server side of PLAIN (RFC 4616): the client sends its password, and the server checks it.
///
/// Offer it on encrypted connections only.
public struct PlainServerMechanism: SaslServerMechanism {
    /// Checks a password; `false` for an unknown user, too. It should take the same time in both cases.
    public typealias Verifier = @Sendable (_ username: String, _ password: Secret) throws(SaslError) -> Bool

    private let verify: Verifier

    /// Creates the mechanism.
    ///
    /// - Parameter verify: Asked once for each authentication. RFC 4616 section 2 requires both texts to be prepared
    ///   (SASLprep) before they are compared; the verifier must do that, as it depends on how passwords are stored.
    public init(verify: @escaping Verifier) {
        self.verify = verify
    }

    /// Always ``SaslMechanismName/plain``.
    public var name: SaslMechanismName { .plain }

    /// The client speaks first, its password goes over the wire, and its check may take long.
    public var traits: SaslMechanismTraits { SaslMechanismTraits(sendsPlaintextSecret: true, mayBlock: true) }

    /// Begins an authentication.
    public func makeExchange() throws(SaslError) -> some SaslServerExchange { PlainServerExchange(verify) }
}

private final class PlainServerExchange: SaslServerExchange {
    private let verify: PlainServerMechanism.Verifier

    init(_ verify: @escaping PlainServerMechanism.Verifier) {
        self.verify = verify
    }

    /// `[authzid] NUL authcid NUL passwd`, each of at least one character but for the first.
    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
        let parts = (response ?? []).split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[1].isEmpty, !parts[2].isEmpty,
            let identity = String(validating: parts[0], as: UTF8.self),
            let username = String(validating: parts[1], as: UTF8.self),
            String(validating: parts[2], as: UTF8.self) != nil
        else {
            throw SaslError(
                .malformedResponse, "the client's message is not an identity, a name and a password in UTF-8")
        }
        guard try verify(username, Secret(bytes: parts[2])) else {
            throw SaslError(.credentialsRejected, "the password is wrong, or there is no such user")
        }
        return .authenticated(
            SaslAuthentication(authenticationIdentity: username, authorizationIdentity: identity), data: nil)
    }
}

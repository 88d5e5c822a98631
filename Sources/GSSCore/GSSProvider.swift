/// Makes initiator contexts: MIT Kerberos, another platform's library, or a test's script.
///
/// Credentials are the provider's business: a value of a conforming type stands for one identity.
public protocol GSSInitiatorProvider: Sendable {
    /// Begins a context with a service. Does not talk to the peer; may read credentials.
    ///
    /// - Parameters:
    ///   - target: The service.
    ///   - flags: The services to ask for. What is granted stands in ``GSSContextInfo/flags``.
    func makeInitiator(target: GSSName, flags: GSSContextFlags) throws(GSSError) -> GSSPendingContext
}

/// Makes acceptor contexts.
public protocol GSSAcceptorProvider: Sendable {
    /// Begins a context with whoever comes. Its first step needs the initiator's token.
    func makeAcceptor() throws(GSSError) -> GSSPendingContext
}

/// One security context of a provider, for ``GSSPendingContext`` and ``GSSEstablishedContext``.
///
/// Those two see to it that calls come in a lawful order; a provider implements this and hands it to them. The handle
/// is released with its last reference, on the thread of its owner.
public protocol GSSContextHandle: AnyObject {
    /// Takes the peer's token, `nil` for an initiator's first step.
    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress
    /// What is known of the context. Called once it is established.
    func inquire() throws(GSSError) -> GSSContextInfo
    /// Protects a message.
    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage
    /// Checks and opens a protected message.
    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage
    /// The longest message whose wrapped form fits.
    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32
    /// Makes a checksum.
    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8]
    /// Checks a checksum.
    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information
}

/// How far a context has come.
public struct GSSContextProgress: Sendable, Hashable {
    /// What to send to the peer; `nil` is nothing at all.
    public var token: [UInt8]?
    /// Whether the context is established on this side.
    public var isComplete: Bool

    /// Creates a progress report.
    public init(token: [UInt8]?, isComplete: Bool) {
        self.token = token
        self.isComplete = isComplete
    }
}

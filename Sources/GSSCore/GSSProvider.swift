/// Makes initiator contexts: MIT Kerberos, another platform's library, or a test's script.
///
/// Credentials are the provider's business: a value of a conforming type stands for one identity.
public protocol GSSInitiatorProvider: Sendable {
    /// Whether a context's step may ask the network, so that it needs a thread of its own; `true` unless implemented.
    ///
    /// `false` is a promise: whatever the peer sends and however late it is, making a context and its steps only
    /// compute. A provider whose credential holds the service's ticket, and none to get another with, can give it.
    var mayBlock: Bool { get }

    /// Begins a context with a service. Does not talk to the peer; may read credentials.
    func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext
}

extension GSSInitiatorProvider {
    /// A step may ask the network.
    public var mayBlock: Bool { true }

    /// Begins a context of Kerberos with a service.
    ///
    /// - Parameters:
    ///   - target: The service.
    ///   - flags: The services to ask for. What is granted stands in ``GSSEstablishedContext/flags``.
    public func makeInitiator(target: GSSName, flags: GSSContextFlags) throws(GSSError) -> GSSPendingContext {
        try makeInitiator(GSSInitiatorRequest(target: target, flags: flags))
    }
}

/// Makes acceptor contexts.
public protocol GSSAcceptorProvider: Sendable {
    /// Begins a context with whoever comes. Its first step needs the initiator's token.
    func makeAcceptor(_ request: GSSAcceptorRequest) throws(GSSError) -> GSSPendingContext
}

extension GSSAcceptorProvider {
    /// Begins a context with whoever comes, by any mechanism of the credential and without channel bindings.
    public func makeAcceptor() throws(GSSError) -> GSSPendingContext { try makeAcceptor(GSSAcceptorRequest()) }
}

/// One security context of a provider, for ``GSSPendingContext`` and ``GSSEstablishedContext``.
///
/// Those two see to it that calls come in the right order; a provider implements this and hands it to them. The handle
/// is released with its last reference, on the thread of its owner.
public protocol GSSContextHandle: AnyObject {
    /// Takes the peer's token, `nil` for an initiator's first step.
    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress
    /// The initiator's full name. Called on an established context only; unless implemented, ``inquire()`` tells it.
    func initiatorName() throws(GSSError) -> String
    /// All that is known of the context. Called on an established context only.
    func inquire() throws(GSSError) -> GSSContextInfo
    /// The credential that the initiator has handed over. Called on an established context only; `nil` unless implemented.
    func delegatedCredential() -> (any GSSDelegatedCredential)?
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

extension GSSContextHandle {
    /// The initiator's name out of everything that is known.
    public func initiatorName() throws(GSSError) -> String {
        try inquire().initiatorName
    }

    /// None.
    public func delegatedCredential() -> (any GSSDelegatedCredential)? { nil }
}

/// A credential that an initiator has handed over (RFC 2743 section 1.2.9), in the form of the provider: for MIT Kerberos a
/// `KerberosCredential`. Whoever holds it can act as the initiator.
public protocol GSSDelegatedCredential: AnyObject, Sendable {}

/// How far a context has come.
public struct GSSContextProgress: Sendable, Hashable {
    /// What to send to the peer; `nil` is nothing at all.
    public var token: [UInt8]?
    /// Whether the context is established on this side.
    public var isComplete: Bool
    /// The services that the context gives. Read of a complete context only.
    public var flags: GSSContextFlags

    /// Creates a progress report. Without flags a complete context gives no service at all.
    public init(token: [UInt8]?, isComplete: Bool, flags: GSSContextFlags = []) {
        self.token = token
        self.isComplete = isComplete
        self.flags = flags
    }
}

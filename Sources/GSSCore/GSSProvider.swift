/// Makes initiator contexts: MIT Kerberos, another platform's library, or a test's script.
///
/// Credentials are up to the provider: a value of a conforming type has one identity.
public protocol GSSInitiatorProvider: Sendable {
    /// Whether a context's step may ask the network, so that it needs its own thread; `true` unless implemented.
    ///
    /// `false` is a promise: whatever the peer sends and whenever, creating a context and its steps only compute.
    /// A provider can promise that if its credential holds the service's ticket, and nothing to get another one with.
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
    ///   - flags: The services to ask for. Those granted are in ``GSSEstablishedContext/flags``.
    public func makeInitiator(target: GSSName, flags: GSSContextFlags) throws(GSSError) -> GSSPendingContext {
        try makeInitiator(GSSInitiatorRequest(target: target, flags: flags))
    }
}

/// Makes acceptor contexts.
public protocol GSSAcceptorProvider: Sendable {
    /// Begins a context with any initiator. Its first step needs the initiator's token.
    func makeAcceptor(_ request: GSSAcceptorRequest) throws(GSSError) -> GSSPendingContext
}

extension GSSAcceptorProvider {
    /// Begins a context with any initiator, by any mechanism of the credential and without channel bindings.
    public func makeAcceptor() throws(GSSError) -> GSSPendingContext { try makeAcceptor(GSSAcceptorRequest()) }
}

/// One security context of a provider, for ``GSSPendingContext`` and ``GSSEstablishedContext``.
///
/// Those two enforce the order of calls; a provider implements this and passes it to them. The handle
/// is released with its last reference, on the thread of its owner.
public protocol GSSContextHandle: AnyObject {
    /// Takes the peer's token, `nil` for an initiator's first step.
    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress
    /// The initiator's full name. Called only on an established context; by default it comes from ``inquire()``.
    func initiatorName() throws(GSSError) -> String
    /// All that is known of the context. Called only on an established context.
    func inquire() throws(GSSError) -> GSSContextInfo
    /// The credential that the initiator delegated. Called only on an established context; `nil` unless implemented.
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
    /// The initiator's name, taken from ``inquire()``.
    public func initiatorName() throws(GSSError) -> String {
        try inquire().initiatorName
    }

    /// None.
    public func delegatedCredential() -> (any GSSDelegatedCredential)? { nil }
}

/// A credential that an initiator delegated (RFC 2743 section 1.2.9), in the provider's form: for MIT Kerberos a
/// `KerberosCredential`. Anyone who holds it can act as the initiator.
public protocol GSSDelegatedCredential: AnyObject, Sendable {}

/// How far a context has come.
public struct GSSContextProgress: Sendable, Hashable {
    /// What to send to the peer; `nil` is no token.
    public var token: [UInt8]?
    /// Whether the context is established on this side.
    public var isComplete: Bool
    /// The services that the context grants. Read only of a complete context.
    public var flags: GSSContextFlags

    /// Creates a progress report. Without flags a complete context grants no services.
    public init(token: [UInt8]?, isComplete: Bool, flags: GSSContextFlags = []) {
        self.token = token
        self.isComplete = isComplete
        self.flags = flags
    }
}

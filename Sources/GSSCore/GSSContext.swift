/// A security context that is not established yet: it can only take the peer's next token.
///
/// Each step consumes it and returns it, so that nothing can be wrapped too early, no token can be used
/// twice, and a failed step releases everything. It has one owner and belongs to one thread at a time.
public struct GSSPendingContext: ~Copyable {
    private let handle: any GSSContextHandle

    /// Wraps a provider's new context.
    public init(_ handle: any GSSContextHandle) {
        self.handle = handle
    }

    /// Processes the peer's token and returns what to send.
    ///
    /// An initiator whose provider says ``GSSInitiatorProvider/mayBlock`` may talk to a KDC here, for as long as the
    /// system's Kerberos configuration says. Any other step only computes.
    ///
    /// - Parameter token: The peer's token; `nil` for an initiator's first step only. An empty token is refused: the C
    ///   bindings treat one as "no token", which would restart the context.
    /// - Throws: ``GSSError``; the context is then gone.
    public consuming func step(_ token: [UInt8]?) throws(GSSError) -> GSSContextStep {
        if let token, token.isEmpty {
            throw GSSError(
                call: "step", major: GSSMajorStatus(.defectiveToken), majorMessages: ["the peer's token is empty"])
        }
        let progress = try handle.establish(token)
        guard progress.isComplete else {
            return .pending(self, send: progress.token)
        }
        return .established(GSSEstablishedContext(handle, flags: progress.flags), send: progress.token)
    }
}

/// The result of a step of a pending context.
public enum GSSContextStep: ~Copyable {
    /// The context needs another token from the peer. `send` has bytes, unless the context only waits.
    case pending(GSSPendingContext, send: [UInt8]?)
    /// The context is established on this side. What is in `send` must still reach the peer; `nil` is no token at all.
    case established(GSSEstablishedContext, send: [UInt8]?)
}

/// An established security context: messages can be protected.
///
/// One owner, one thread at a time: it keeps sequence numbers.
public final class GSSEstablishedContext {
    private let handle: any GSSContextHandle

    /// The services that the context grants, as reported by the step that established it. Compare them with the
    /// request: a mechanism may grant less.
    public let flags: GSSContextFlags

    init(_ handle: any GSSContextHandle, flags: GSSContextFlags) {
        self.handle = handle
        self.flags = flags
    }

    /// The initiator's full name, for Kerberos `user@REALM`. Asks the provider.
    public func initiatorName() throws(GSSError) -> String {
        try handle.initiatorName()
    }

    /// The credential that the initiator delegated, if it did (``GSSContextFlags/delegation``); for an acceptor.
    public var delegatedCredential: (any GSSDelegatedCredential)? { handle.delegatedCredential() }

    /// All that is known of the context. Asks the provider each time; the lifetime runs down in between.
    public func info() throws(GSSError) -> GSSContextInfo {
        try handle.inquire()
    }

    /// Protects a message (`GSS_Wrap`, RFC 2743 section 2.3.3).
    ///
    /// - Parameters:
    ///   - message: The plain bytes, at most ``wrapSizeLimit(outputLength:confidential:)`` where the peer has a limit.
    ///   - confidential: Whether to encrypt; the context may not support it: see the result.
    public func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        try handle.wrap(message, confidential: confidential)
    }

    /// Verifies a protected message and returns its content (`GSS_Unwrap`, RFC 2743 section 2.3.4).
    ///
    /// A message that is a duplicate or out of order is not an error here; see ``GSSUnwrappedMessage/information``.
    public func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        try handle.unwrap(message)
    }

    /// The longest message whose wrapped form has at most `outputLength` bytes (`GSS_Wrap_size_limit`).
    public func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        try handle.wrapSizeLimit(outputLength: outputLength, confidential: confidential)
    }

    /// A keyed checksum of a message (`GSS_GetMIC`).
    public func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        try handle.messageIntegrityCode(for: message)
    }

    /// Verifies such a checksum (`GSS_VerifyMIC`).
    ///
    /// - Throws: ``GSSError`` with ``GSSMajorStatus/RoutineError/badSignature`` if it does not match the message.
    /// - Returns: Whether the message came in order.
    @discardableResult
    public func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        try handle.verify(messageIntegrityCode: code, for: message)
    }
}

/// A protected message.
public struct GSSWrappedMessage: Sendable, Hashable {
    /// The bytes for the peer.
    public var bytes: [UInt8]
    /// Whether they are encrypted.
    public var isConfidential: Bool

    /// Creates a message.
    public init(bytes: [UInt8], isConfidential: Bool) {
        self.bytes = bytes
        self.isConfidential = isConfidential
    }
}

/// The content of a protected message.
public struct GSSUnwrappedMessage: Sendable, Hashable {
    /// The plain bytes.
    public var bytes: [UInt8]
    /// Whether they came encrypted.
    public var isConfidential: Bool
    /// Whether the message is a duplicate or out of order.
    public var information: GSSMajorStatus.Information

    /// Creates a message.
    public init(bytes: [UInt8], isConfidential: Bool, information: GSSMajorStatus.Information = []) {
        self.bytes = bytes
        self.isConfidential = isConfidential
        self.information = information
    }
}

/// What is known of an established context (`GSS_Inquire_context`, RFC 2743 section 2.2.6).
public struct GSSContextInfo: Sendable, Hashable {
    /// The services that the context grants. Compare them with the request: a mechanism may grant less.
    public var flags: GSSContextFlags
    /// The context's remaining lifetime, in whole seconds; `nil` if it does not expire.
    public var lifetime: Duration?
    /// The initiator's full name, for Kerberos `user@REALM`.
    public var initiatorName: String
    /// The acceptor's full name, for Kerberos `service/host@REALM`.
    public var acceptorName: String
    /// The mechanism in use.
    public var mechanism: GSSObjectIdentifier
    /// Whether this side is the initiator.
    public var isInitiator: Bool

    /// Creates a description of a context.
    public init(
        flags: GSSContextFlags,
        lifetime: Duration?,
        initiatorName: String,
        acceptorName: String,
        mechanism: GSSObjectIdentifier,
        isInitiator: Bool
    ) {
        self.flags = flags
        self.lifetime = lifetime
        self.initiatorName = initiatorName
        self.acceptorName = acceptorName
        self.mechanism = mechanism
        self.isInitiator = isInitiator
    }
}

/// A security context that is not established yet: all it can do is take the peer's next token.
///
/// It is consumed by each step and comes back from it, so that nothing can be wrapped too early, no token can be fed
/// twice, and a failed step releases everything. It has one owner and belongs to one thread at a time.
public struct GSSPendingContext: ~Copyable {
    private let handle: any GSSContextHandle

    /// Takes a provider's fresh context.
    public init(_ handle: any GSSContextHandle) {
        self.handle = handle
    }

    /// Takes the peer's token and gives what to send.
    ///
    /// An initiator whose provider says ``GSSInitiatorProvider/mayBlock`` may talk to a KDC here, for as long as the
    /// system's Kerberos configuration says. Any other step only computes.
    ///
    /// - Parameter token: The peer's token; `nil` for an initiator's first step only. An empty token is refused: the C
    ///   bindings take one for "no token", which would start the context anew.
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

/// What came out of a step of a pending context.
public enum GSSContextStep: ~Copyable {
    /// The context wants another token from the peer. `send` has bytes, but for a context that only waits.
    case pending(GSSPendingContext, send: [UInt8]?)
    /// The context is established on this side. What is in `send` must still reach the peer; `nil` is no token at all.
    case established(GSSEstablishedContext, send: [UInt8]?)
}

/// An established security context: messages can be protected.
///
/// One owner, one thread at a time: it keeps sequence numbers.
public final class GSSEstablishedContext {
    private let handle: any GSSContextHandle

    /// The services that the context gives, as the step that established it said. Compare with what was asked for: a
    /// mechanism may give less.
    public let flags: GSSContextFlags

    init(_ handle: any GSSContextHandle, flags: GSSContextFlags) {
        self.handle = handle
        self.flags = flags
    }

    /// The initiator's full name, for Kerberos `user@REALM`. Asks the provider.
    public func initiatorName() throws(GSSError) -> String {
        try handle.initiatorName()
    }

    /// The credential that the initiator has handed over, where it has (``GSSContextFlags/delegation``); for an acceptor.
    public var delegatedCredential: (any GSSDelegatedCredential)? { handle.delegatedCredential() }

    /// All that is known of the context. Asks the provider each time; the lifetime runs down in between.
    public func info() throws(GSSError) -> GSSContextInfo {
        try handle.inquire()
    }

    /// Protects a message (`GSS_Wrap`, RFC 2743 section 2.3.3).
    ///
    /// - Parameters:
    ///   - message: The plain bytes, at most ``wrapSizeLimit(outputLength:confidential:)`` where the peer has a limit.
    ///   - confidential: Whether to encrypt, which the context may be unable to do: see the result.
    public func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        try handle.wrap(message, confidential: confidential)
    }

    /// Checks a protected message and takes its content out (`GSS_Unwrap`, RFC 2743 section 2.3.4).
    ///
    /// A message that is a duplicate or out of order is not an error here; see ``GSSUnwrappedMessage/information``.
    public func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        try handle.unwrap(message)
    }

    /// The longest message whose wrapped form has at most `outputLength` bytes (`GSS_Wrap_size_limit`).
    public func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        try handle.wrapSizeLimit(outputLength: outputLength, confidential: confidential)
    }

    /// A checksum over a message that only the two sides can make (`GSS_GetMIC`).
    public func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        try handle.messageIntegrityCode(for: message)
    }

    /// Checks such a checksum (`GSS_VerifyMIC`).
    ///
    /// - Throws: ``GSSError`` with ``GSSMajorStatus/RoutineError/badSignature`` when it is not the message's.
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
    /// The services that the context gives. Compare with what was asked for: a mechanism may give less.
    public var flags: GSSContextFlags
    /// What is left of the context's life, in whole seconds; `nil` when it does not end.
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

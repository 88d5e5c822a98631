/// An initiator's request for a context (`GSS_Init_sec_context`, RFC 2743 section 2.2.1).
public struct GSSInitiatorRequest: Sendable, Hashable {
    /// The service.
    public var target: GSSName
    /// The services to ask for. Those granted are in ``GSSEstablishedContext/flags``.
    public var flags: GSSContextFlags
    /// The mechanism: Kerberos, or SPNEGO with Kerberos inside.
    public var mechanism: GSSObjectIdentifier
    /// The channel bindings; `nil` for none.
    public var channelBindings: GSSChannelBindings?

    /// Requests a context of Kerberos by default.
    public init(
        target: GSSName, flags: GSSContextFlags, mechanism: GSSObjectIdentifier = .kerberos5,
        channelBindings: GSSChannelBindings? = nil
    ) {
        self.target = target
        self.flags = flags
        self.mechanism = mechanism
        self.channelBindings = channelBindings
    }
}

/// An acceptor's request for a context (`GSS_Accept_sec_context`, RFC 2743 section 2.2.2).
public struct GSSAcceptorRequest: Sendable, Hashable {
    /// The mechanism that an initiator must use; `nil` is any of the credential's. An adopted credential has its own
    /// mechanisms: with it Kerberos within SPNEGO is accepted, too.
    public var mechanism: GSSObjectIdentifier?
    /// The channel bindings. An initiator with others is refused. One without any is accepted: to require them,
    /// check ``GSSContextFlags/channelBound``.
    public var channelBindings: GSSChannelBindings?

    /// By default with any mechanism, and without bindings.
    public init(mechanism: GSSObjectIdentifier? = nil, channelBindings: GSSChannelBindings? = nil) {
        self.mechanism = mechanism
        self.channelBindings = channelBindings
    }
}

/// Binds a context to the channel that carries it (RFC 2743 section 1.1.6), so that a man in the middle cannot relay
/// it. Addresses are left out, as NAT changes them.
public struct GSSChannelBindings: Sendable, Hashable {
    /// The application's data: for TLS the kind of the binding, a colon and the binding's own data (RFC 5056 section
    /// 2.1).
    public var applicationData: [UInt8]

    /// Creates bindings.
    public init(applicationData: [UInt8]) {
        self.applicationData = applicationData
    }
}

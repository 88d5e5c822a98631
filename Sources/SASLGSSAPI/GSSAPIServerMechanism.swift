public import GSSCore
public import SASL

/// The mechanism GSSAPI: Kerberos V5 (RFC 4752), server side.
///
/// ```swift
/// let keytab = KerberosCredentialStore(keytab: "/etc/mongodb.keytab")
/// let credential = try KerberosCredential(usage: .accept, store: keytab)
/// let mechanism = GSSAPIServerMechanism(provider: KerberosProvider(credential: credential))
/// var session = try SaslServerSession(mechanism, authorize: …)
/// ```
///
/// The authentication identity is the initiator's full name, for Kerberos `user@REALM`.
public struct GSSAPIServerMechanism: SaslServerMechanism {
    /// The server's policy for channel bindings.
    @nonexhaustive
    public enum ChannelBinding: Sendable, Hashable {
        /// The connection has none; a client's bindings are ignored.
        case none
        /// A client that binds to another channel is refused; one that does not bind is accepted.
        case accepted(SaslChannelBinding)
        /// Every client must bind to this channel. Requires a library that reports this (MIT Kerberos 1.19).
        case required(SaslChannelBinding)

        var binding: SaslChannelBinding? {
            switch self {
            case .none: nil
            case .accepted(let binding), .required(let binding): binding
            }
        }
    }

    let provider: any GSSAcceptorProvider
    let layers: SaslSecurityLayers
    let maximumReceiveLength: UInt32
    let channelBinding: ChannelBinding

    /// Creates the mechanism.
    ///
    /// - Parameters:
    ///   - provider: Makes the contexts, with the service's keys.
    ///   - layers: What is offered. Encryption is offered only to a client that has asked for it, and no layer to one
    ///     that has not asked for sequence detection: its messages could be replayed.
    ///   - maximumReceiveLength: The longest protected message that this side receives, in bytes, at most 2^24 - 1.
    ///     Only used with a layer.
    ///   - channelBinding: The bindings of the context to the TLS connection that carries it.
    public init(
        provider: any GSSAcceptorProvider, layers: SaslSecurityLayers = .none, maximumReceiveLength: UInt32 = 65_536,
        channelBinding: ChannelBinding = .none
    ) {
        self.provider = provider
        self.layers = layers
        self.maximumReceiveLength = maximumReceiveLength
        self.channelBinding = channelBinding
    }

    /// `GSSAPI`.
    public var name: SaslMechanismName { .gssapi }

    /// The client speaks first. A step reads the keytab and the replay cache, so it may block.
    public var traits: SaslMechanismTraits {
        SaslMechanismTraits(authenticatesServer: true, mayBlock: true, securityLayers: layers)
    }

    /// Begins an authentication. The provider is asked for a context at the first step, not here.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a set of layers that is empty or has unknown bits,
    ///   and for a size of more than 24 bits.
    public func makeExchange() throws(SaslError) -> GSSAPIServerExchange {
        guard !layers.isEmpty, layers.isSubset(of: .all) else {
            throw SaslError(.invalidConfiguration, "the security layers \(layers) cannot be offered")
        }
        guard maximumReceiveLength < 1 << 24 else {
            throw SaslError(.invalidConfiguration, "the maximum size \(maximumReceiveLength) does not fit into 24 bits")
        }
        return GSSAPIServerExchange(self)
    }
}

/// A configured authentication mechanism of the SASL framework (RFC 4422): who authenticates, with what, and
/// under which rules.
///
/// A mechanism is a description. It can be shared freely and used for any number of authentications; each
/// has its own ``SaslSession``.
///
/// A new mechanism takes one conforming type and one call of ``SaslRegistry/register(_:)``.
public protocol SaslMechanism: Sendable {
    /// The type that runs one authentication. `some SaslExchange` as the result of ``makeExchange()`` keeps the type
    /// private.
    associatedtype Exchange: SaslExchange

    /// The mechanism's name as it goes over the wire (RFC 4422 section 3.1).
    var name: SaslMechanismName { get }

    /// The mechanism's properties, for selection and for reports.
    var traits: SaslMechanismTraits { get }

    /// Makes the exchange that a ``SaslSession`` runs.
    ///
    /// The exchange has one owner and need not be thread-safe: make it where it will be used.
    ///
    /// - Throws: ``SaslError`` when the configuration cannot be used. Must not block.
    func makeExchange() throws(SaslError) -> Exchange
}

/// The properties of a mechanism.
public struct SaslMechanismTraits: Sendable, Hashable {
    /// Who sends the first mechanism-specific message (RFC 4422 section 5, item 2a).
    @nonexhaustive
    public enum FirstSpeaker: Sendable, Hashable {
        /// The client always speaks first; the protocol's initial response carries its message, or else the answer to
        /// an empty challenge.
        case client
        /// The server always speaks first; the client must not send an initial response.
        case server
    }

    /// Who sends the first message.
    public var firstSpeaker: FirstSpeaker
    /// Whether a complete exchange has proven the server's identity to the client.
    public var authenticatesServer: Bool
    /// Whether the server gets a secret that can be replayed, which requires TLS.
    public var sendsPlaintextSecret: Bool
    /// Whether a step may take long, because it waits for the network (a Kerberos client for a KDC) or computes
    /// for long (SCRAM derives its keys): do not run it on an event loop.
    public var mayBlock: Bool
    /// The security layers that the mechanism can negotiate.
    public var securityLayers: SaslSecurityLayers

    /// Creates traits. The defaults are those of a simple mechanism whose client speaks first.
    public init(
        firstSpeaker: FirstSpeaker = .client,
        authenticatesServer: Bool = false,
        sendsPlaintextSecret: Bool = false,
        mayBlock: Bool = false,
        securityLayers: SaslSecurityLayers = .none
    ) {
        self.firstSpeaker = firstSpeaker
        self.authenticatesServer = authenticatesServer
        self.sendsPlaintextSecret = sendsPlaintextSecret
        self.mayBlock = mayBlock
        self.securityLayers = securityLayers
    }
}

/// The name of a SASL mechanism: 1 to 20 characters from `A-Z`, `0-9`, `-` and `_` (RFC 4422 section 3.1).
public struct SaslMechanismName: Sendable, Hashable, CustomStringConvertible {
    /// The name as it goes over the wire.
    public let rawValue: String

    /// Checks and keeps a name. Lower-case letters are not accepted: names are compared byte for byte.
    ///
    /// - Returns: `nil` if the text is not a mechanism name.
    public init?(_ rawValue: String) {
        guard (1...20).contains(rawValue.utf8.count), rawValue.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.rawValue = rawValue
    }

    /// Creates a name from a literal in the program.
    ///
    /// - Precondition: It is a mechanism name.
    public init(literal: StaticString) {
        rawValue = literal.description
        precondition((1...20).contains(rawValue.utf8.count) && rawValue.utf8.allSatisfy(Self.isAllowed))
    }

    private init(checked rawValue: String) {
        self.rawValue = rawValue
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default:
            false
        }
    }

    /// RFC 4752.
    public static let gssapi = SaslMechanismName(checked: "GSSAPI")
    /// RFC 4616.
    public static let plain = SaslMechanismName(checked: "PLAIN")
    /// RFC 4422 appendix A.
    public static let external = SaslMechanismName(checked: "EXTERNAL")
    /// RFC 5802.
    public static let scramSHA1 = SaslMechanismName(checked: "SCRAM-SHA-1")
    /// RFC 7677.
    public static let scramSHA256 = SaslMechanismName(checked: "SCRAM-SHA-256")
    /// RFC 5802, with channel binding.
    public static let scramSHA1Plus = SaslMechanismName(checked: "SCRAM-SHA-1-PLUS")
    /// RFC 7677, with channel binding.
    public static let scramSHA256Plus = SaslMechanismName(checked: "SCRAM-SHA-256-PLUS")

    /// The name as it goes over the wire.
    public var description: String { rawValue }
}

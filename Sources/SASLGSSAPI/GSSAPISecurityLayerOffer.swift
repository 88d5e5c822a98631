internal import GSSCore
public import SASL

/// What a server offers at the end of GSSAPI: the layers, and how much it receives (RFC 4752 section 3.1).
public struct GSSAPISecurityLayerOffer: Sendable, Hashable {
    /// The layers, with bits that this implementation does not know.
    public let layers: SaslSecurityLayers
    /// The longest protected message that the server receives, in bytes.
    public let maximumLength: UInt32

    /// Unwraps and reads an offer.
    ///
    /// An offer is wrapped without encryption and is exactly four octets: a bit mask, and 24 bits of size with the most
    /// significant octet first.
    init(
        wrapped: [UInt8], context: GSSEstablishedContext, policy: GSSAPIMechanism.SecurityLayerPolicy
    ) throws(SaslError) {
        let message = try SaslError.converting(
            context.unwrap(wrapped), .securityLayer,
            "the server's offer of security layers (\(wrapped.count) bytes) cannot be unwrapped")
        guard !message.isConfidential else {
            throw SaslError(.securityLayer, "the server's offer of security layers is encrypted; RFC 4752 forbids that")
        }
        guard message.information.isEmpty else {
            throw SaslError(.securityLayer, "the server's offer of security layers is a replay or out of order")
        }
        guard message.bytes.count == 4 else {
            throw SaslError(
                .securityLayer,
                "the server's offer of security layers has \(message.bytes.count) octets instead of 4")
        }
        layers = SaslSecurityLayers(rawValue: message.bytes[0])
        maximumLength = message.bytes[1...3].reduce(0) { $0 << 8 | UInt32($1) }
        let offersLayer = !layers.isDisjoint(with: [.integrity, .confidentiality])
        guard offersLayer || maximumLength == 0 || policy.toleratesSizeWithoutLayer else {
            throw SaslError(
                .sizeWithoutLayer,
                "the server offers no security layer but states a maximum size of \(maximumLength) bytes, "
                    + "where RFC 4752 requires 0; the option toleratesSizeWithoutLayer accepts such a server")
        }
    }
}

internal import GSSCore
internal import SASL

/// A client's answer to the offer of layers (RFC 4752 section 3.1): a bit mask with one bit, 24 bits of size, and the
/// authorization identity.
struct GSSAPILayerChoice {
    let layer: SaslSecurityLayers
    /// The longest protected message that the client receives, in bytes.
    let maximumLength: UInt32
    let authorizationIdentity: String

    init(
        wrapped: [UInt8], context: GSSEstablishedContext, offered: SaslSecurityLayers
    ) throws(SaslError) {
        let message = try SaslError.converting(
            context.unwrap(wrapped), .securityLayer,
            "the client's choice of a security layer (\(wrapped.count) bytes) cannot be unwrapped")
        guard !message.isConfidential else {
            throw SaslError(
                .securityLayer, "the client's choice of a security layer is encrypted; RFC 4752 forbids that")
        }
        guard message.information.isEmpty else {
            throw SaslError(.securityLayer, "the client's choice of a security layer is a replay or out of order")
        }
        guard message.bytes.count >= 4 else {
            throw SaslError(
                .securityLayer,
                "the client's choice of a security layer has \(message.bytes.count) octets, but needs at least 4")
        }
        layer = SaslSecurityLayers(rawValue: message.bytes[0])
        guard [.none, .integrity, .confidentiality].contains(layer), offered.contains(layer) else {
            throw SaslError(.securityLayer, "the client chose the layers \(layer) of \(offered)")
        }
        maximumLength = message.bytes[1...3].reduce(0) { $0 << 8 | UInt32($1) }
        guard layer != .none || maximumLength == 0 else {
            throw SaslError(
                .sizeWithoutLayer,
                "the client chose no security layer but states a maximum size of \(maximumLength) bytes, where RFC 4752 requires 0"
            )
        }
        // RFC 4422 section 3.4.1: UTF-8 without NUL.
        let identity = message.bytes.dropFirst(4)
        guard !identity.contains(0), let text = String(validating: identity, as: UTF8.self) else {
            throw SaslError(.malformedResponse, "the client's authorization identity is not UTF-8, or holds a NUL")
        }
        authorizationIdentity = text
    }

    /// A bit mask, and 24 bits of size with the most significant octet first.
    static func octets(_ layers: SaslSecurityLayers, _ size: UInt32) -> [UInt8] {
        [
            layers.rawValue, UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8),
            UInt8(truncatingIfNeeded: size),
        ]
    }
}

internal import GSSCore
internal import SASL

/// Integrity protection or encryption by the context of a complete exchange (RFC 4752 section 3.3).
final class GSSAPISecurityLayer: SaslSecurityLayer {
    private let context: GSSEstablishedContext
    let protection: SaslSecurityLayers
    let maximumPlaintextLength: Int
    let maximumCiphertextLength: Int

    init(
        context: GSSEstablishedContext, protection: SaslSecurityLayers, peerMaximum: UInt32, ownMaximum: UInt32
    ) throws(SaslError) {
        self.context = context
        self.protection = protection
        maximumCiphertextLength = Int(ownMaximum)
        maximumPlaintextLength = try Self.room(in: peerMaximum, context, protection)
        guard maximumPlaintextLength > 0 else {
            throw SaslError(
                .securityLayer, "the peer receives at most \(peerMaximum) bytes, too few for any protected message")
        }
        guard try Self.room(in: ownMaximum, context, protection) > 0 else {
            throw SaslError(
                .invalidConfiguration, "a maximum of \(ownMaximum) bytes is too few for any protected message")
        }
    }

    private static func room(
        in maximum: UInt32, _ context: GSSEstablishedContext, _ protection: SaslSecurityLayers
    ) throws(SaslError) -> Int {
        let limit = try SaslError.converting(
            context.wrapSizeLimit(outputLength: maximum, confidential: protection == .confidentiality),
            .mechanismFailure, "the size limit of the security layer is unknown")
        return Int(limit)
    }

    func wrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] {
        guard message.count <= maximumPlaintextLength else {
            throw SaslError(
                .tooLarge,
                "a message of \(message.count) bytes exceeds what the peer receives, \(maximumPlaintextLength)")
        }
        let wrapped = try SaslError.converting(
            context.wrap(message, confidential: protection == .confidentiality),
            .mechanismFailure, "a message cannot be protected")
        guard protection != .confidentiality || wrapped.isConfidential else {
            throw SaslError(.securityLayer, "the context did not encrypt a message that must be encrypted")
        }
        return wrapped.bytes
    }

    func unwrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] {
        guard message.count <= maximumCiphertextLength else {
            throw SaslError(
                .tooLarge,
                "a protected message of \(message.count) bytes exceeds the limit of \(maximumCiphertextLength)")
        }
        let unwrapped = try SaslError.converting(
            context.unwrap(message), .securityLayer, "a protected message is not genuine")
        guard unwrapped.information.isEmpty else {
            throw SaslError(.securityLayer, "a protected message is a replay, or out of order, or one is missing")
        }
        guard protection != .confidentiality || unwrapped.isConfidential else {
            throw SaslError(.securityLayer, "a message that must be encrypted came without encryption")
        }
        return unwrapped.bytes
    }
}

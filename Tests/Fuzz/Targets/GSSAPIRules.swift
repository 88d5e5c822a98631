import GSSCore
import SASL
import SASLGSSAPI

/// The first byte of an input chooses the policy, the second the context's flags. Then come the server's messages, each
/// behind its length; the context takes them for tokens, and unwraps one by cutting off its first byte.
enum GSSAPIRules {
    private static let policies: [GSSAPIMechanism.SecurityLayerPolicy] = [
        .none, .allowed, .required, .requiredConfidentiality,
        .init(preference: [.none, .integrity], maximumReceiveLength: 0x12_3456, toleratesSizeWithoutLayer: true),
    ]

    static func check(_ input: [UInt8]) throws {
        guard input.count >= 2 else { return }
        let policy = policies[Int(input[0]) % policies.count]
        let granted = GSSContextFlags(rawValue: UInt32(input[1]))
        let mechanism = GSSAPIMechanism(
            provider: ClearProvider(granted: granted), target: .service("mongodb", host: "db.example.com"),
            authorizationIdentity: .text("ann"), securityLayer: policy)
        var rest = input[2...]
        var session = try SaslSession(mechanism)
        do {
            _ = try session.step(nil)
            while let length = rest.popFirst() {
                let message = Array(rest.prefix(Int(length)))
                rest = rest.dropFirst(Int(length))
                let wasComplete = session.isComplete
                let step = try session.step(message)
                guard session.isComplete, !wasComplete else { continue }
                try require(
                    granted.isSuperset(of: [.mutualAuthentication, .integrity]), "the server has proven who it is")
                try check(step, offer: message, policy)
            }
        } catch let error as SaslError {
            try require(!error.message.isEmpty, "an error says what is wrong")
            try require(!session.isComplete, "a failed session is not complete")
            try require((try? session.step([0, 1, 0, 0, 0])) == nil, "a failed session takes no more steps")
        }
    }

    /// RFC 4752 section 3.1.
    private static func check(
        _ step: SaslStep, offer: [UInt8], _ policy: GSSAPIMechanism.SecurityLayerPolicy
    ) throws {
        guard case .respond(let response) = step else { throw Violation("an offer is answered") }
        try require(offer.count == 5 && offer[0] == 0, "an offer has four octets, in the clear and in order")
        try require(response.count == 1 + 4 + 3 && response[0] == 0, "the answer is four octets and the identity")
        let chosen = SaslSecurityLayers(rawValue: response[1])
        try require(
            [.none, .integrity, .confidentiality].contains(chosen) && policy.preference.contains(chosen)
                && SaslSecurityLayers(rawValue: offer[1]).contains(chosen), "one layer, accepted and offered")
        let size = response[2...4].reduce(0) { $0 << 8 | UInt32($1) }
        try require(size == (chosen == .none ? 0 : policy.maximumReceiveLength), "the size is ours, or 0 without layer")
    }

    static let seeds: [[UInt8]] = {
        let mutual = UInt8(
            truncatingIfNeeded: GSSContextFlags([.mutualAuthentication, .integrity, .confidentiality]).rawValue)
        let offers: [[UInt8]] = [
            [0, 1, 0, 0, 0], [0, 7, 0, 1, 0], [0, 1, 0xFF, 0xFF, 0xFF], [1, 1, 0, 0, 0], [2, 1, 0, 0, 0], [0, 1], [0],
        ]
        return policies.indices.flatMap { policy in
            offers.map { [UInt8(policy), mutual, 1, 0x60, UInt8($0.count)] + $0 + [0] }
        } + [[0, 0, 1, 0x60, 5, 0, 1, 0, 0, 0]]
    }()
}

/// Contexts that are established by any token and protect nothing.
private struct ClearProvider: GSSInitiatorProvider {
    var granted: GSSContextFlags

    func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(ClearContext(granted))
    }
}

private final class ClearContext: GSSContextHandle {
    private let granted: GSSContextFlags

    init(_ granted: GSSContextFlags) {
        self.granted = granted
    }

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        token == nil
            ? .init(token: [0x60], isComplete: false) : .init(token: nil, isComplete: true, flags: granted)
    }

    func inquire() throws(GSSError) -> GSSContextInfo {
        GSSContextInfo(
            flags: granted, lifetime: nil, initiatorName: "ann@EXAMPLE.COM", acceptorName: "mongodb/db@EXAMPLE.COM",
            mechanism: .kerberos5, isInitiator: true)
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        GSSWrappedMessage(bytes: [confidential ? 1 : 0] + message, isConfidential: confidential)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        guard let kind = message.first else { throw GSSError(call: "unwrap", major: GSSMajorStatus(.defectiveToken)) }
        return GSSUnwrappedMessage(
            bytes: Array(message.dropFirst()), isConfidential: kind & 1 != 0,
            information: kind & ~1 == 0 ? [] : .duplicateToken)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        outputLength == 0 ? 0 : outputLength - 1
    }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        throw GSSError(call: "mic", major: GSSMajorStatus(.unavailable))
    }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        throw GSSError(call: "mic", major: GSSMajorStatus(.unavailable))
    }
}

import GSSCore
import SASL
import SASLGSSAPI

// The code of the article "Writing a provider" of SASLGSSAPI.

/// A provider without cryptography, for tests: one token in each direction, and a "protection" that everybody can undo.
struct ToyProvider: GSSInitiatorProvider, GSSAcceptorProvider {
    /// Steps only compute, so they may be taken on an event loop.
    let mayBlock = false
    let user: String

    func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(ToyContext(isInitiator: true, user: user, service: request.target.text, asks: request.flags))
    }

    func makeAcceptor(_ request: GSSAcceptorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(ToyContext(isInitiator: false, user: "", service: "", asks: []))
    }
}

/// One context. `GSSPendingContext` and `GSSEstablishedContext` see to it that calls come in the right order.
final class ToyContext: GSSContextHandle {
    private let isInitiator: Bool
    private var user: String
    private let service: String
    private var flags: GSSContextFlags

    init(isInitiator: Bool, user: String, service: String, asks flags: GSSContextFlags) {
        self.isInitiator = isInitiator
        self.user = user
        self.service = service
        self.flags = flags
    }

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        switch (isInitiator, token) {
        case (true, nil):
            return GSSContextProgress(token: Array(user.utf8), isComplete: false)
        case (true, [1]):
            return GSSContextProgress(token: nil, isComplete: true, flags: flags)
        case (false, let token?):
            user = String(decoding: token, as: UTF8.self)
            flags = [.mutualAuthentication, .integrity, .sequenceDetection]
            return GSSContextProgress(token: [1], isComplete: true, flags: flags)
        default:
            throw GSSError(call: "toy_establish", major: GSSMajorStatus(.defectiveToken))
        }
    }

    func inquire() throws(GSSError) -> GSSContextInfo {
        GSSContextInfo(
            flags: flags, lifetime: nil, initiatorName: user, acceptorName: service, mechanism: .kerberos5,
            isInitiator: isInitiator)
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        GSSWrappedMessage(bytes: [0xFF] + message, isConfidential: false)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        guard message.first == 0xFF else {
            throw GSSError(call: "toy_unwrap", major: GSSMajorStatus(.badSignature))
        }
        return GSSUnwrappedMessage(bytes: Array(message.dropFirst()), isConfidential: false)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        outputLength - min(outputLength, 1)
    }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] { [0xFF] }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        guard code == [0xFF] else { throw GSSError(call: "toy_verify", major: GSSMajorStatus(.badSignature)) }
        return []
    }
}

func client(of provider: ToyProvider) -> GSSAPIMechanism {
    GSSAPIMechanism(
        provider: provider, target: .service("mongodb", host: "db.example.com"),
        authorizationIdentity: .authenticatedName)
}

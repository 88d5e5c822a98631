internal import GSSCore
internal import SASL

/// A step of a context for the mechanisms of both roles: a context that waits for another token has one to send.
enum ContextProgress: ~Copyable {
    case pending(GSSPendingContext, send: [UInt8])
    case established(GSSEstablishedContext, send: [UInt8]?)

    /// Takes the server's token, `nil` at first, for a client.
    static func of(
        _ context: consuming GSSPendingContext, _ token: [UInt8]?, with target: GSSName
    ) throws(SaslError) -> ContextProgress {
        let next: GSSContextStep
        do {
            next = try context.step(token)
        } catch {
            let (code, failure): (SaslError.Code, String) =
                token == nil
                ? (.mechanismFailure, "cannot get a ticket for \(target)")
                : (.serverNotProven, "the server's token does not prove that it holds the key of \(target)")
            throw SaslError(code, "\(failure): \(error.message)", underlying: error)
        }
        return try ContextProgress(next) { granted throws(SaslError) in
            guard granted.contains(.mutualAuthentication) else {
                throw SaslError(
                    .serverNotProven,
                    "the context was established without mutual authentication (granted: \(granted)), so nothing shows "
                        + "that the server is \(target)")
            }
        }
    }

    /// Takes a client's token.
    static func of(
        _ context: consuming GSSPendingContext, _ token: [UInt8],
        bindingTo binding: GSSAPIServerMechanism.ChannelBinding
    ) throws(SaslError) -> ContextProgress {
        let next: GSSContextStep
        do {
            next = try context.step(token)
        } catch {
            throw SaslError(
                .credentialsRejected, "the client's token is not accepted: \(error.message)", underlying: error)
        }
        return try ContextProgress(next) { granted throws(SaslError) in
            guard case .required = binding, !granted.contains(.channelBound) else { return }
            throw SaslError(.channelBinding, "the client has not bound the context to this connection")
        }
    }

    private init(
        _ step: consuming GSSContextStep, check: (_ granted: GSSContextFlags) throws(SaslError) -> Void
    ) throws(SaslError) {
        switch consume step {
        case .pending(let context, let send):
            guard let send else {
                throw SaslError(.mechanismFailure, "the context waits for another token but has none to send")
            }
            self = .pending(context, send: send)
        case .established(let context, let send):
            try check(context.flags)
            self = .established(context, send: send)
        }
    }
}

import GSSCore

// The code of GSSCore's page.

/// Establishes a context with a peer that takes a token and returns one, or `nil` if it has none.
func establish(
    with provider: some GSSInitiatorProvider, target: GSSName, exchange: ([UInt8]) async throws -> [UInt8]?
) async throws -> GSSEstablishedContext {
    var pending = try provider.makeInitiator(target: target, flags: [.mutualAuthentication, .integrity])
    var token: [UInt8]?
    while true {
        let step = try pending.step(token)
        switch consume step {
        case .established(let context, let last):
            if let last { _ = try await exchange(last) }
            guard context.flags.contains(.mutualAuthentication) else { throw NotAuthenticated() }
            return context
        case .pending(let context, let next):
            token = try await exchange(next ?? [])
            pending = context
        }
    }
}

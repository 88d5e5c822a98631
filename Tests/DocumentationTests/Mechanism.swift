import MongoAuth
import SASL

// The code of the article "Writing a mechanism" of SASL. Its client's side is Examples/OwnMechanism.

/// ANONYMOUS (RFC 4505) on the server's side: whoever comes is nobody in particular.
struct AnonymousServerMechanism: SaslServerMechanism {
    let name = SaslMechanismName(literal: "ANONYMOUS")
    let traits = SaslMechanismTraits()

    func makeExchange() -> Exchange { Exchange() }

    final class Exchange: SaslServerExchange {
        func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
            guard let response, response.count <= 1_020 else {
                throw SaslError(.malformedResponse, "ANONYMOUS takes at most 255 characters of trace information")
            }
            return .authenticated(SaslAuthentication(authenticationIdentity: "anonymous"), data: nil)
        }
    }
}

/// An application's own mechanism, by the name that connection strings and credentials have it by.
func mechanisms(adding mechanism: @escaping @Sendable (String) -> any SaslMechanism) -> MongoMechanisms {
    let name = SaslMechanismName(literal: "X-EXAMPLE")
    var mechanisms = MongoMechanisms(allowed: [.gssapi, name])
    mechanisms.add(name) { request in mechanism(request.username) }
    return mechanisms
}

// All code that depends on the version of the library. Everything else uses only what older versions have too.

import KerberosCredentials
import MongoConnect
import NIOPosix
import SASL
import SASLGSSAPI

/// For versions without some feature; the tables then leave it out.
struct NotSupported: Error {}

/// - Throws: ``NotSupported`` if this version cannot do it.
func makeConnector(pipelined: Bool) throws -> MongoConnector {
    MongoConnector(group: MultiThreadedEventLoopGroup.singleton, pipelined: pipelined)
}

/// The mechanism for the service `mongodb` on a host, with the system's credential.
func makeMechanism(host: String, realm: String, user: String) async throws -> any SaslMechanism {
    let service = ServicePrincipal(service: "mongodb", host: host, realm: realm)
    let credential = try await KerberosCredentialManager().serviceCredential(
        of: .system(), for: service, by: .now + .seconds(30))
    return GSSAPIMechanism(provider: credential, target: credential.target, authorizationIdentity: .text(user))
}

/// One authentication in memory. Adds to `spent` only the time of the client's steps.
func authenticate(
    with mechanism: any SaslMechanism, spent: inout Duration, _ server: (_ response: [UInt8]) throws -> [UInt8]?
) throws {
    var challenge: [UInt8]?
    let beginning = ContinuousClock.now
    var session = try SaslSession(mechanism)
    spent += ContinuousClock.now - beginning
    while true {
        let start = ContinuousClock.now
        let step = try session.step(challenge)
        spent += ContinuousClock.now - start
        guard case .respond(let response) = step else { return }
        challenge = try server(response)
        if challenge == nil { return }
    }
}

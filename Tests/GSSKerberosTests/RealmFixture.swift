import GSSCore
import GSSKerberos
import Glibc
import KerberosTestKit
import TestSupport

/// What a child process needs to know of the shared realm.
///
/// Kerberos reads its configuration through the environment, which belongs to a whole process: so every test runs its
/// body in a process of its own and calls ``enter()`` there, before anything else.
struct RealmFixture: Codable, Sendable {
    /// The environment, with a cache of `ann`.
    var environment: [String: String]
    /// The realm's name.
    var realm: String
    /// The principal of `ann`.
    var ann: String
    /// The path of a keytab with the keys of `ann`.
    var annKeytab: String
    /// The path of a keytab with the keys of ``service``.
    var keytab: String

    /// The service's principal.
    var service: String { "mongodb/localhost@\(realm)" }

    static func shared() async throws -> RealmFixture {
        let shared = try await SharedRealm.shared
        return RealmFixture(
            environment: shared.realm.environment(cache: shared.annCache), realm: shared.realm.name, ann: shared.ann,
            annKeytab: shared.annKeytab, keytab: shared.serviceKeytab)
    }

    /// Makes this process use the realm.
    func enter() {
        for (name, value) in environment { setenv(name, value, 1) }
    }

    /// The initiator's side, of `ann`.
    func initiator(
        _ flags: GSSContextFlags = [.mutualAuthentication, .integrity, .confidentiality]
    ) throws -> GSSPendingContext {
        try KerberosProvider().makeInitiator(target: .service("mongodb", host: "localhost"), flags: flags)
    }

    /// The acceptor's side, of ``service``.
    func acceptor() throws -> GSSPendingContext {
        let store = KerberosCredentialStore(keytab: keytab, replayCache: "none:")
        return try KerberosProvider(credential: KerberosCredential(usage: .accept, store: store)).makeAcceptor()
    }

    /// Both sides of an established context.
    func pair(
        _ flags: GSSContextFlags = [.mutualAuthentication, .integrity, .confidentiality]
    ) throws -> (initiator: GSSEstablishedContext, acceptor: GSSEstablishedContext) {
        switch try initiator(flags).step(nil) {
        case .pending(let pending, let first):
            let (acceptor, proof) = try accept(first)
            guard case .established(let initiator, nil) = try pending.step(proof) else {
                throw TestSupportError("the initiator is not established by the acceptor's token")
            }
            return (initiator, acceptor)
        case .established(let initiator, let first):
            return (initiator, try accept(first).acceptor)
        }
    }

    /// The acceptor's side for an initiator's token, and what it answers.
    func accept(_ token: [UInt8]?) throws -> (acceptor: GSSEstablishedContext, proof: [UInt8]?) {
        guard case .established(let context, let proof) = try acceptor().step(token) else {
            throw TestSupportError("the acceptor wants a second token")
        }
        return (context, proof)
    }
}

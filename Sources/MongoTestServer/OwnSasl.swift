internal import GSSCore
internal import GSSKerberos
internal import SASL
internal import SASLGSSAPI
internal import SASLSCRAM
internal import SecretMemory
internal import Synchronization

/// SASL by this package's own server side, so that independent clients test that, too.
struct OwnSasl: ServerSasl {
    /// The acceptor's keys; `nil` where GSSAPI is not offered.
    private let kerberos: KerberosCredential?
    private let directory: UserDirectory

    /// - Throws: ``MongoTestServerError`` if GSSAPI is requested and the keytab has no key for it.
    init(_ configuration: MongoTestServer.Configuration, _ directory: UserDirectory) throws(MongoTestServerError) {
        self.directory = directory
        guard configuration.mechanisms.contains("GSSAPI") else {
            kerberos = nil
            return
        }
        do throws(GSSError) {
            kerberos = try KerberosCredential(
                name: .service(configuration.serviceName, host: configuration.serviceHost), usage: .accept,
                store: KerberosCredentialStore(keytab: configuration.keytab.map { "FILE:\($0)" }))
        } catch {
            throw MongoTestServerError(
                .sasl, "there is no key to accept clients of Kerberos with", underlying: error)
        }
    }

    func begin(_ request: SaslRequest) -> any ServerExchange {
        do throws(SaslError) {
            guard let mechanism = mechanism(request) else {
                return FailedExchange(reason: "the mechanism \(request.mechanism) is not offered")
            }
            let session = try SaslServerSession(
                mechanism, sendsDataWithSuccess: request.skipsEmptyExchange,
                authorize: request.mechanism == "GSSAPI" ? Self.underFullName : SaslAuthentication.onlyAsOneself)
            return OwnExchange(session)
        } catch {
            return FailedExchange(reason: error.message)
        }
    }

    /// As in the policy for Cyrus here, and in real servers: a Kerberos client names itself, with its realm.
    private static let underFullName: SaslAuthorizer = { authentication in
        guard let wanted = authentication.authorizationIdentity,
            wanted.utf8.elementsEqual(authentication.authenticationIdentity.utf8)
        else { return nil }
        return wanted
    }

    private func mechanism(_ request: SaslRequest) -> (any SaslServerMechanism)? {
        let (directory, database) = (directory, request.database)
        switch request.mechanism {
        case "GSSAPI":
            guard let kerberos else { return nil }
            return GSSAPIServerMechanism(provider: KerberosProvider(credential: kerberos))
        case "PLAIN":
            return PlainServerMechanism { user, password in
                directory.user(user, on: database)?.password.map { $0 == password } ?? false
            }
        case "SCRAM-SHA-1": return scram(.sha1, on: database)
        case "SCRAM-SHA-256": return scram(.sha256, on: database)
        default: return nil
        }
    }

    /// MongoDB's rules for names and passwords differ from the RFC's.
    private func scram(_ hash: ScramMechanism.Hash, on database: String) -> ScramServerMechanism {
        var options = ScramServerMechanism.Options()
        options.usernamePreparation = .unchanged
        options.iterations = UserDirectory.iterations(hash)
        options.realm = database
        options.saltLength = UserDirectory.saltLength(hash)
        options.mockSecret = directory.mockSecret
        let directory = directory
        return ScramServerMechanism(hash, options: options) { user throws(SaslError) in
            try directory.keys(of: user, on: database, hash)
        }
    }
}

private final class OwnExchange: ServerExchange {
    /// `nil` once it is over.
    private let session: Mutex<SaslServerSession?>

    init(_ session: consuming sending SaslServerSession) {
        self.session = Mutex(consume session)
    }

    func step(_ token: [UInt8]) -> SaslOutcome {
        session.withLock { session in
            do throws(SaslError) {
                switch try session?.step(token) {
                case .challenge(let challenge): return .challenge(challenge)
                case .success(let identity, let data):
                    return .authenticated(user: identity.authorizationIdentity, data: data ?? [])
                case nil: return .failed(reason: "the exchange is over")
                }
            } catch {
                session = nil
                return .failed(reason: error.message)
            }
        }
    }
}

import GSSKerberos
import KerberosCredentials
import MongoAuth
import SASL

// The code of the articles "Credentials of every kind" of KerberosCredentials and "The security model" of MongoAuth.

func identities(existing credential: KerberosCredential) -> [KerberosIdentity] {
    [
        .system(),
        .system(user: "ann@EXAMPLE.COM"),
        .cache("FILE:/run/app/ccache"),
        .keytab("FILE:/etc/app.keytab", user: "app@EXAMPLE.COM"),
        .password(Secret("secret"), user: "ann@EXAMPLE.COM"),
        .existing(credential),
    ]
}

func tickets(of identity: KerberosIdentity) async throws -> ServiceCredential {
    let manager = KerberosCredentialManager()
    let service = ServicePrincipal(service: "mongodb", host: "db.example.com")
    let ticket = try await manager.serviceCredential(of: identity, for: service, by: .now + .seconds(10))
    print(ticket.clientPrincipal, "for", ticket.servicePrincipal)
    return ticket
}

/// A login at this machine: without the proof, whoever answers in the KDC's place decides which password is right.
func isRight(_ password: Secret, of user: String) async throws -> Bool {
    do {
        let host = KerberosVerification(keytab: "FILE:/etc/krb5.keytab")
        try await KerberosPassword.check(user: user, password: password, against: host, by: .now + .seconds(10))
        return true
    } catch let error as KerberosCredentialError where error.code == .rejected {
        return false
    }
}

func credentials(tokens: OIDCTokens) throws -> [MongoCredential] {
    [
        try .kerberos(username: "ann@EXAMPLE.COM"),
        try .kerberos(username: "ann@EXAMPLE.COM", mechanismProperties: ["SERVICE_REALM": "CORP.EXAMPLE.COM"]),
        .scram(username: "ann", password: "secret"),
        .plain(username: "ann", password: "secret"),
        MongoCredential(username: "", method: .x509),
        MongoCredential(username: "", method: .oidc(tokens)),
    ]
}

/// An application that takes nothing but Kerberos, whatever a connection string says.
let kerberosOnly = MongoAuthenticator(mechanisms: MongoMechanisms(allowed: [.gssapi]))

/// What a client may do about servers that prove nothing.
func select(from offered: [String], of registry: SaslRegistry, isEncrypted: Bool) throws -> any SaslMechanism {
    let policy = SaslSelectionPolicy(allowPlaintextSecrets: isEncrypted, requireServerAuthentication: !isEncrypted)
    return try registry.select(offered: offered, policy: policy)
}

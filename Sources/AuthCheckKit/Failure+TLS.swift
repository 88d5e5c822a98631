internal import MongoTransport

extension CheckReport.Failure {
    /// What to do about TLS; the general hint has to do for what nobody knows yet.
    static func hint(for error: TransportError) -> String? {
        if error.mayDemandTLS { return "set tls=true in the connection string" }
        if let failure = error.proxyFailure { return hint(for: failure) }
        return switch error.tlsFailure {
        case .notTrusted?:
            "name a file with the authority that issued the server's certificate: tlsCAFile=/path/to/ca.pem. The server "
                + "must send the intermediate certificates itself, and its certificate must be one for servers"
        case .expired?:
            "renew the certificate on the server (and let it read the new one), or replace the authority's in tlsCAFile"
        case .notYetValid?:
            "check the clock of this machine first, then the certificate's first day"
        case .wrongHostname?:
            "use a host that the certificate is issued for, or have a certificate made with this one among its "
                + "subject alternative names"
        case .certificateUsage?:
            "have the certificate made anew with digitalSignature in its keyUsage. Drivers on OpenSSL do not look at that "
                + "extension; BoringSSL, which this client uses, does"
        case .revoked?:
            "have a new certificate made for the server: its authority does not vouch for this one any more"
        case .revocationLists?:
            "tlsCRLFile must name a PEM file with a current list (X509 CRL) of the authority that issued the server's "
                + "certificate: get the newest one from there"
        case .notTLS?:
            "check the port, the server's TLS settings, and whether a firewall, a list of allowed addresses or a load balancer "
                + "hangs up; if the server is meant to be without TLS, leave out tls=true"
        case .certificateRequired?:
            "name a file with a certificate and its key that the server accepts: "
                + "tlsCertificateKeyFile=/path/to/client.pem"
        case .certificateRejected?:
            "the server's log has the reason. Frequent ones: another authority issued the certificate, it has expired, "
                + "or it may not be used for clients"
        case .protocolVersion?:
            "enable TLS 1.2 or 1.3 on the server; older versions are not spoken"
        case .handshake?:
            "the server's log may have the reason; check that its certificate and key belong together, that it knows the host by "
                + "this name, and that it admits this machine's address. Where both sides have "
                + "nothing in common: this client takes TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20; the groups "
                + "X25519, P-256, P-384, P-521; keys of RSA (but not RSA-PSS), P-256, P-384, P-521, Ed25519"
        case .authoritiesFile?:
            "check the path in tlsCAFile: it must be a PEM file with certificates that this user may read"
        case .certificateKeyFile?:
            "check the path in tlsCertificateKeyFile: it must be a PEM file with a certificate and its key that this user "
                + "may read"
        case .certificateKeyPassword?:
            "give the key's password in tlsCertificateKeyFilePassword. If it is right, the key may be encrypted in a way that "
                + "BoringSSL does not have: write it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`"
        default:
            nil
        }
    }

    /// MongoDB Atlas ends the handshake of addresses that it does not know with an alert that says something else.
    static func hintOfAtlas(for error: any Error, host: String) -> String? {
        guard let error = error as? TransportError, error.tlsFailure == .handshake,
            error.message.hasSuffix("internal_error"),
            host.utf8.prefix(while: { $0 != UInt8(ascii: ":") }).suffix(12).elementsEqual(".mongodb.net".utf8)
        else { return nil }
        return
            "add the address that this machine has on the Internet to the IP access list of the project: Atlas ends the "
            + "handshake so for all others"
    }

    /// What to do about a proxy.
    private static func hint(for failure: ProxyFailure) -> String? {
        switch failure {
        case .unreachable:
            "check proxyHost and proxyPort, and that the proxy runs"
        case .notSOCKS5:
            "check proxyHost and proxyPort: a proxy for HTTP is none of SOCKS5"
        case .credentialRequired:
            "give proxyUsername and proxyPassword, as the proxy's configuration has them"
        case .credentialRejected:
            "check proxyUsername and proxyPassword"
        case .refused:
            "the proxy connects in this machine's place: check there that the server's name resolves, that it can be "
                + "reached, and that the proxy's rules allow it"
        default: nil
        }
    }
}

internal import MongoTransport

extension CheckReport.Failure {
    /// What to do about TLS; the general hint has to do for what nobody knows yet.
    static func hint(for error: TransportError) -> String? {
        if error.mayDemandTLS { return "set tls=true in the connection string" }
        return switch error.tlsFailure {
        case .notTrusted?:
            "name a file with the authority that issued the server's certificate: tlsCAFile=/path/to/ca.pem. The server "
                + "must send the intermediate certificates itself"
        case .expired?:
            "renew the certificate on the server (and let it read the new one), or replace the authority's in tlsCAFile"
        case .notYetValid?:
            "check the clock of this machine first, then the certificate's first day"
        case .wrongHostname?:
            "use a host that the certificate is issued for, or have a certificate made with this one among its "
                + "subject alternative names"
        case .notTLS?:
            "leave out tls=true if the server is meant to be without TLS; otherwise check the port and the server's TLS "
                + "settings"
        case .certificateRequired?:
            "name a file with a certificate and its key that the server accepts: "
                + "tlsCertificateKeyFile=/path/to/client.pem"
        case .certificateRejected?:
            "the server's log has the reason. Frequent ones: another authority issued the certificate, it has expired, "
                + "or it may not be used for clients"
        case .protocolVersion?:
            "enable TLS 1.2 or 1.3 on the server; older versions are not spoken"
        case .handshake?:
            "the server's log may have the reason; check that its certificate and key belong together"
        case .authoritiesFile?:
            "check the path in tlsCAFile: it must be a PEM file with certificates that this user may read"
        case .certificateKeyFile?:
            "check the path in tlsCertificateKeyFile: it must be a PEM file with a certificate and its key that this user "
                + "may read"
        case .certificateKeyPassword?:
            "give the key's password in tlsCertificateKeyFilePassword"
        default:
            nil
        }
    }
}

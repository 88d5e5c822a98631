internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import SASL
internal import SASLGSSAPI

// The facts of a trace, in sentences for people.

extension ConnectWarning {
    /// The stable name, for programs.
    var code: String {
        switch self {
        case .optionHasNoEffect: "option-without-effect"
        case .revocationListsHaveNoEffect: "revocation-lists-without-effect"
        case .revocationListsAreNotVerified: "revocation-lists-not-verified"
        case .mechanismIsMissing: "mechanism-missing"
        case .otherReplicaSet: "other-replica-set"
        case .replicaSetIsNotInitiated: "replica-set-not-initiated"
        case .hostIsNoMember: "host-no-member"
        case .standaloneAmongSeveral: "standalone-among-several"
        case .wireVersionsOutOfRange: "wire-versions"
        case .membersDoNotResolve: "members-do-not-resolve"
        case .identityIsNotTold: "identity-not-told"
        case .tlsIsNotVerified: "tls-not-verified"
        case .passwordInClearText: "password-in-clear-text"
        case .serviceHostOfSocket: "service-host-of-socket"
        case .service(.hostHadPort): "service-host-with-port"
        case .service(.canonicalizationFellBack): "canonical-name-fell-back"
        case .service(.hostIsAddress): "service-host-is-address"
        }
    }

    var sentence: String {
        switch self {
        case .optionHasNoEffect(let name):
            "\(name) has no effect: this client does not check revocation with OCSP. A driver that does may "
                + "refuse a certificate that passes here"
        case .revocationListsHaveNoEffect:
            "tlsCRLFile has no effect: certificates are not verified"
        case .revocationListsAreNotVerified:
            "this client does not verify the signatures of the lists in tlsCRLFile, as drivers on OpenSSL "
                + "do: get the file from a source that you trust"
        case .mechanismIsMissing(let name):
            "\(name) is not supported by this client: it cannot check what a driver does with this string"
        case .otherReplicaSet(let wanted, let found?):
            "the server is in the replica set \(found), and the connection string has replicaSet=\(wanted): drivers "
                + "then do not use the server. Write replicaSet=\(found)"
        case .otherReplicaSet(let wanted, nil):
            "the server is in no replica set, and the connection string has replicaSet=\(wanted): drivers then do "
                + "not use the server. Leave replicaSet out"
        case .replicaSetIsNotInitiated:
            "the server is configured for a replica set that is not initiated, and drivers do not use it: run rs.initiate() on it, or write "
                + "directConnection=true"
        case .hostIsNoMember(let members, let set):
            "the replica set \(set) does not list the server by this name: drivers connect by the names of its members, "
                + "\(members.joined(separator: ", ")). Make them reachable from here, or write directConnection=true"
        case .standaloneAmongSeveral:
            "the server is in no replica set and is no router, and the connection string names several hosts: drivers then "
                + "do not use it. Write this host alone"
        case .wireVersionsOutOfRange(let minimum, let maximum):
            "the server supports the wire versions \(minimum) to \(maximum), which not all current drivers do: most begin with 8 "
                + "(MongoDB 4.2), some with 9 (MongoDB 4.4)"
        case .membersDoNotResolve(let members, let set):
            "members of the replica set \(set) are known by names that do not resolve on this machine: "
                + "\(members.joined(separator: ", ")). Drivers connect by these names: make them resolve here, or write "
                + "directConnection=true to use this one server"
        case .identityIsNotTold(let reason):
            "the server authenticated us, and does not report the authenticated user: \(reason)"
        case .tlsIsNotVerified(let option, let sendsPassword):
            "\(option) is set: the server's identity is not verified, so anyone on the network path can impersonate it"
                + (sendsPassword ? ", and gets the password from PLAIN" : "")
        case .passwordInClearText:
            "PLAIN sends the password in clear text on this connection: set tls=true"
        case .serviceHostOfSocket(let path):
            "the socket \(path) has no host name, so the service's host is assumed to be localhost: set SERVICE_HOST to the "
                + "host in the server's principal"
        case .service(.hostHadPort(let given, let used)):
            "the service's host \(given) has a port, which is not part of a principal: \(used) is used"
        case .service(.canonicalizationFellBack(let host, let reasons)):
            "CANONICALIZE_HOST_NAME falls back to the host \(host): " + reasons.joined(separator: "; ")
        case .service(.hostIsAddress(let host)):
            "the service's host is the address \(host); Kerberos principals are normally made for names: connect by name, "
                + "or set SERVICE_HOST"
        }
    }
}

extension AuthenticationDetails {
    var summary: String {
        guard let clientPrincipal, let service, let grantedFlags else { return "\(mechanism)" }
        let layers = offer.map { "; layers offered: \($0.layers)" } ?? ""
        return "\(mechanism): \(clientPrincipal) to \(service); granted: \(grantedFlags)\(layers)"
    }
}

extension ConnectTrace.Event {
    /// Its text in the live progress; `nil` for none.
    var progressLine: String? {
        switch self {
        case .transport(.lookUpBegan(let host, _)): "looking up \(host) ..."
        case .transport(.attemptBegan(_, let address, _)): "connecting to \(address) ..."
        case .transport(.proxyAsked(let proxy, let server)): "asking the SOCKS5 proxy \(proxy) for \(server) ..."
        case .transport(.tlsBegan): "TLS handshake ..."
        case .authentication(.helloBegan): "hello ..."
        case .authentication(.ticketBegan(let service)): "looking for a ticket for \(service) ..."
        case .authentication(.kerberos(.cacheRead(let name, let principal))): "\(name) is the cache of \(principal)"
        case .authentication(.kerberos(.askingKDC(let realm, let ticket, _))):
            "asking a KDC of \(realm) for the ticket for \(ticket) ..."
        case .authentication(.kerberos(.noKDCAnswered(let realm, _, let code))):
            "no KDC of \(realm) has answered: \(KerberosFailure.symbolicName(of: code) ?? "\(code)")"
        case .authentication(.saslBegan(let mechanism)): "authenticating with \(mechanism) ..."
        case .authentication(.identityBegan): "asking who we are ..."
        case .retried(.olderMessageFormat):
            "the server closes the connection on OP_MSG; retrying with the older OP_QUERY"
        case .retried(.pipeliningRefused): "the server does not accept pipelined commands; retrying without"
        case .retried(.ticketReplaced), .authentication(.ticketReplaced):
            "the server refused the ticket; retrying with a newer one"
        case .warning(let warning): "warning: \(warning.sentence)"
        case .transport, .authentication: nil
        }
    }
}

internal import NIOCore
internal import NIOSSL

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The server's first bytes are not TLS.
struct ForeignServer: Error {
    /// What they look like, if known.
    let hint: String?
}

/// Determines why a handshake failed from what it has shown.
struct TLSDiagnosis {
    let context: TLSContext
    let endpoint: ServerEndpoint
    let certificateRequest: CertificateRequest

    private var options: TLSOptions { context.options }
    private var lacksCertificate: Bool { certificateRequest.isNoted && options.certificateKeyFile == nil }
    private var authorities: String { "\(context.trust)" }

    // MARK: - Events

    /// The handshake failed.
    func handshakeFailed(_ error: any Error, _ report: TLSReport, firstBytes: ServerHelloReader) -> TransportError {
        let (failure, message) = explain(error, report, firstBytes)
        return self.error(failure, message, underlying: error, report: report)
    }

    /// The certificate has the address of the server, but not its name.
    func nameNotConfirmed(_ report: TLSReport) -> TransportError {
        error(.wrongHostname, wrongHostname(report.certificate), report: report)
    }

    /// What the revocation lists say of the certificate; `nil` if it is valid.
    func revocation(of certificate: [UInt8], _ report: TLSReport) -> TransportError? {
        guard let lists = context.revocations else { return nil }
        let file = "\(options.revocationListsFile ?? "")"
        let issuer = report.certificate?.issuer ?? "its issuer"
        let (failure, message): (TLSFailure, String)
        switch try? lists.finding(for: certificate, at: Int64(time(nil))) {
        case .good?: return nil
        case .revoked(let date)?:
            (failure, message) = (.revoked, "was revoked on \(UTCDate(date)), according to \(file)")
        case .outdated(let end)?:
            (failure, message) = (
                .revocationLists, "may be revoked: the list of \(issuer) in \(file) expired on \(UTCDate(end))"
            )
        case .notYetValid(let start)?:
            (failure, message) = (
                .revocationLists,
                "may be revoked: the list of \(issuer) in \(file) is not valid before \(UTCDate(start))"
            )
        case .noList?:
            (failure, message) = (.revocationLists, "may be revoked: \(file) has no list of \(issuer)")
        case nil:
            (failure, message) = (.revocationLists, "may be revoked: it cannot be checked against the lists in \(file)")
        }
        return error(
            failure, "the certificate of \(endpoint) (\(report.certificate?.subject ?? "unknown")) \(message)",
            report: report)
    }

    /// The connection failed after the handshake. With TLS 1.3 a client is done before the server has verified the
    /// client's certificate, so this may still be a handshake failure.
    ///
    /// - Parameter isJudged: Whether the server had verified the client's certificate when the client's handshake
    ///   ended.
    /// - Returns: `nil` if TLS is not the cause.
    func connectionBroke(_ cause: (any Error)?, isJudged: Bool) -> TransportError? {
        if let cause, let alert = BoringSSLReason(cause)?.alert {
            let (failure, message) = explain(alert: alert)
            return error(failure, message, underlying: cause)
        }
        if lacksCertificate {
            return error(.certificateRequired, certificateRequired + " and closed the connection", underlying: cause)
        }
        // The alert of a server that refuses and closes is lost if data that the client sent meanwhile is answered
        // with a reset. A client's certificate that was verified in the handshake (TLS 1.2) is not the cause.
        if let cause = cause as? IOError, let file = options.certificateKeyFile, certificateRequest.isNoted, !isJudged {
            return error(
                .certificateRejected,
                "\(endpoint) asked for a certificate and then dropped the connection (\(cause.systemMessage)): it may not "
                    + "accept the client's certificate in \(file)",
                underlying: cause)
        }
        return nil
    }

    // MARK: - Reasons

    private func explain(
        _ error: any Error, _ report: TLSReport, _ firstBytes: ServerHelloReader
    ) -> (TLSFailure, String) {
        if let foreign = error as? ForeignServer {
            let hint = foreign.hint.map { ". \($0)" } ?? ""
            return (.notTLS, "\(endpoint) does not speak TLS: its answer is something else\(hint)")
        }
        if let reason = BoringSSLReason(error) {
            return explain(reason, report)
        }
        // Otherwise the connection was closed without a reason.
        let how = (error as? IOError).map { "dropped the connection (\($0.systemMessage))" } ?? "closed the connection"
        if firstBytes.isEmpty {
            return (.notTLS, "\(endpoint) \(how) after the TLS ClientHello: it may not speak TLS on this port")
        }
        if lacksCertificate { return (.certificateRequired, certificateRequired + " and \(how)") }
        return (.handshake, "\(endpoint) \(how) in the middle of the TLS handshake")
    }

    private func explain(_ reason: BoringSSLReason, _ report: TLSReport) -> (TLSFailure, String) {
        switch reason {
        case .certificateVerifyFailed:
            return explain(certificate: report.certificate)
        case .keyUsage:
            let subject = report.certificate?.subject ?? "unknown"
            let isKeyTransport = report.cipherSuite?.hasPrefix("TLS_RSA_WITH_") == true
            return (
                .certificateUsage,
                "the certificate of \(endpoint) (\(subject)) may not be used for this: its extension keyUsage does not have "
                    + (isKeyTransport
                        ? "keyEncipherment, which cipher suites without ECDHE need"
                        : "digitalSignature, and in TLS 1.3, as in TLS 1.2 with ECDHE, the server must sign")
            )
        case .unsupportedProtocol, .wrongVersionNumber, .unknownProtocol:
            return explain(alert: .protocolVersion)
        default:
            guard let alert = reason.alert else {
                return (.handshake, "the TLS handshake with \(endpoint) failed: \(reason.text)")
            }
            return explain(alert: alert)
        }
    }

    private func explain(alert: TLSAlert) -> (TLSFailure, String) {
        switch alert {
        case .protocolVersion:
            return (.protocolVersion, "\(endpoint) speaks neither TLS 1.2 nor TLS 1.3, and older versions are not safe")
        case .certificateRequired:
            return (.certificateRequired, certificateRequired)
        case .handshakeFailure where lacksCertificate:
            return (.certificateRequired, certificateRequired)
        case _ where alert.isAboutCertificate:
            guard options.certificateKeyFile == nil else {
                return (
                    .certificateRejected,
                    "\(endpoint) does not accept the client's certificate in \(options.certificateKeyFile ?? ""): \(alert)"
                )
            }
            guard !lacksCertificate else { return (.certificateRequired, "\(certificateRequired) (\(alert))") }
            fallthrough
        default:
            return (.handshake, "\(endpoint) refused the TLS handshake: \(alert)")
        }
    }

    /// BoringSSL only reports that the verification failed; the reason is derived from the certificate.
    private func explain(certificate: PeerCertificate?) -> (TLSFailure, String) {
        guard let certificate else {
            return (.notTrusted, "the certificate of \(endpoint) is not trusted")
        }
        let now = Int64(time(nil))
        if let failure = validity(of: certificate, at: now, "the certificate of \(endpoint) (\(certificate.subject))") {
            return failure
        }
        let issuers = context.trust.known.filter { $0.subject == certificate.issuer }
        if let issuer = issuers.first, issuers.count == 1,
            let failure = validity(
                of: issuer, at: now,
                "the authority \(issuer.subject) among \(authorities), which issued the certificate of \(endpoint),")
        {
            return failure
        }
        let reason =
            if context.trust.isEmpty {
                "no authority is trusted: none was found among \(authorities)"
            } else if certificate.isSelfIssued, !context.trust.known.contains(certificate) {
                "it is self-issued and is not among \(authorities)"
            } else if !certificate.isForServers {
                "its extension extendedKeyUsage does not have serverAuth"
            } else if certificate.isSelfIssued, !context.trust.servers.isEmpty {
                "it has an unknown critical extension, or its extendedKeyUsage cannot be read"
            } else if certificate.isSelfIssued {
                "it is self-issued and is among \(authorities), but its extension keyUsage does not have keyCertSign: "
                    + "this client trusts such a certificate only if no others are trusted. Name a file that has it alone"
            } else if issuers.isEmpty {
                "no chain leads from its issuer, \(certificate.issuer), to one of \(authorities), or an intermediate "
                    + "authority has expired, or has constraints that this certificate violates, such as certificate "
                    + "policies, which OpenSSL does not check"
                    + expiredAuthorities(at: now)
            } else if let missing = issuers.first(where: isWithoutIssuer) {
                "its issuer, \(missing.subject), is among \(authorities), and was issued by \(missing.issuer), which is not: "
                    + "add its certificate"
            } else {
                "its issuer's name, \(certificate.issuer), is among \(authorities), but that authority's key did not sign it, or its "
                    + "name constraints do not allow it (BoringSSL applies those to host names, and then a certificate "
                    + "needs subject alternative names), or it has an unknown critical extension"
                    + leftOut(of: issuers, at: now)
            }
        return (.notTrusted, "the certificate of \(endpoint) (\(certificate.subject)) is not trusted: \(reason)")
    }

    private func isWithoutIssuer(_ authority: PeerCertificate) -> Bool {
        !authority.isSelfIssued && !context.trust.known.contains { $0.subject == authority.issuer }
    }

    /// A hint about expired authorities: intermediate ones come from the server, and are not known here.
    private func expiredAuthorities(at now: Int64) -> String {
        let expired = context.trust.known.filter { $0.notAfter < now }
        guard let first = expired.first else { return "" }
        let others = expired.count > 1 ? ", as did \(expired.count - 1) more of them" : ""
        return "; \(first.subject) among these expired on \(UTCDate(first.notAfter))\(others)"
    }

    /// A hint about certificates of an authority that do not count now, as another of its name is valid.
    private func leftOut(of issuers: [PeerCertificate], at now: Int64) -> String {
        guard let other = issuers.first(where: { !$0.isValid(at: now) }) else { return "" }
        let what =
            other.notAfter < now
            ? "expired on \(UTCDate(other.notAfter))" : "is not valid before \(UTCDate(other.notBefore))"
        return "; another certificate of that name among these \(what)"
    }

    private func validity(of certificate: PeerCertificate, at now: Int64, _ what: String) -> (TLSFailure, String)? {
        if now > certificate.notAfter {
            return (.expired, "\(what) expired on \(UTCDate(certificate.notAfter))")
        }
        if now < certificate.notBefore {
            return (
                .notYetValid,
                "\(what) is not valid before \(UTCDate(certificate.notBefore)); today is \(UTCDate(now)) by this "
                    + "machine's clock"
            )
        }
        return nil
    }

    private func wrongHostname(_ certificate: PeerCertificate?) -> String {
        guard case .host(let host, _) = endpoint else {
            return
                "the certificate of \(endpoint) cannot be checked: a Unix domain socket has no name that it could contain"
        }
        guard let certificate else {
            return "the certificate of \(endpoint) cannot be parsed, so its names are unknown"
        }
        // The names that were compared: the common name only without alternative names.
        let names =
            (certificate.hasAlternativeNames
            ? certificate.alternativeNames.map(\.description) : certificate.commonNames)
            .prefix(16)
        let owner = names.isEmpty ? certificate.subject : names.joined(separator: ", ")
        if names.contains(host) {
            return
                "the certificate of \(endpoint) has \(host) as a DNS name; an address must be an IP address entry (IP:\(host))"
        }
        return "the certificate of \(endpoint) is for \(owner), not for \(host)"
    }

    private var certificateRequired: String { "\(endpoint) requires a client certificate" }

    private func error(
        _ failure: TLSFailure, _ message: String, underlying: (any Error)? = nil, report: TLSReport? = nil
    ) -> TransportError {
        TransportError(.tls, phase: .tls, message, underlying: underlying, tlsFailure: failure, tls: report)
    }
}

/// A reason of BoringSSL's own library `ssl`, by its number in `ssl.h`.
struct BoringSSLReason: Equatable {
    let number: Int
    let text: String

    static let certificateVerifyFailed = BoringSSLReason(number: 125, text: "")
    static let keyUsage = BoringSSLReason(number: 302, text: "")
    static let unknownProtocol = BoringSSLReason(number: 234, text: "")
    static let unsupportedProtocol = BoringSSLReason(number: 240, text: "")
    static let wrongVersionNumber = BoringSSLReason(number: 247, text: "")

    private init(number: Int, text: String) {
        self.number = number
        self.text = text
    }

    /// The first reason in an error of NIOSSL; `nil` for other errors, and for a connection that just ended.
    init?(_ error: any Error) {
        let cause: any Error
        if case .handshakeFailed(let beneath)? = error as? NIOSSLError { cause = beneath } else { cause = error }
        guard case .sslError(let stack)? = cause as? BoringSSLError, let first = stack.first,
            first != .eofDuringHandshake, first != .eofDuringAdditionalCertficiateChainValidation
        else { return nil }
        // The number is not public, but the text begins with it: "Error: 268436496 error:…". Eight bits name the
        // library and twelve the reason; the library `ssl` is number 16.
        let words = first.description.split(separator: " ", omittingEmptySubsequences: true)
        let packed = words.dropFirst().first.flatMap { UInt32($0) } ?? 0
        number = packed >> 24 == 16 ? Int(packed & 0xFFF) : 0
        // "error:100000f0:SSL routines:OPENSSL_internal:UNSUPPORTED_PROTOCOL at …": the last part of the name.
        text =
            words.dropFirst(2).first.flatMap { _ in
                first.description.split(separator: ":").dropFirst(5).first?.split(separator: " ").first.map(String.init)
            } ?? first.description
    }

    /// The server's alert, if the server ended the handshake.
    var alert: TLSAlert? {
        guard (1000...1255).contains(number) else { return nil }
        return TLSAlert(rawValue: UInt8(number - 1000))
    }

    static func == (one: BoringSSLReason, other: BoringSSLReason) -> Bool { one.number == other.number }

    static func ~= (pattern: BoringSSLReason, value: BoringSSLReason) -> Bool { pattern == value }
}

/// A TLS alert (RFC 8446 section 6.2).
struct TLSAlert: RawRepresentable, Equatable, CustomStringConvertible {
    let rawValue: UInt8

    static let handshakeFailure = TLSAlert(rawValue: 40)
    static let protocolVersion = TLSAlert(rawValue: 70)
    static let certificateRequired = TLSAlert(rawValue: 116)

    private static let names: [UInt8: String] = [
        10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
        41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked",
        45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
        49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
        71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
        109: "missing_extension", 110: "unsupported_extension", 112: "unrecognized_name", 115: "unknown_psk_identity",
        116: "certificate_required", 120: "no_application_protocol",
    ]

    /// Whether it is about the peer's certificate.
    var isAboutCertificate: Bool { (41...46).contains(rawValue) || rawValue == 48 || rawValue == 49 }

    var description: String { Self.names[rawValue] ?? "alert \(rawValue)" }
}

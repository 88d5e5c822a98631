internal import GSSKerberos
internal import MongoTransport

/// Warnings about a success: something will expire soon, or is weak.
struct SuccessDoubts: Sendable {
    let thresholds: Thresholds

    /// - Parameter now: In seconds since 1970, like the certificate's times.
    func about(_ certificate: PeerCertificate, at now: Int64) -> [CheckWarning] {
        var doubts: [CheckWarning] = []
        let left = certificate.notAfter - now
        if left >= 0, left < thresholds.certificate.components.seconds {
            let days = left / 86_400
            doubts.append(
                .init(
                    "certificate-ends",
                    "the server's certificate expires in \(days == 0 ? "less than a day" : "\(days) d"): renew it"
                ))
        }
        if !certificate.weaknesses.isEmpty {
            doubts.append(
                .init(
                    "certificate-weak",
                    "the server's certificate is weak: \(certificate.weaknesses.joined(separator: ", and ")); drivers "
                        + "with stricter settings refuse it"))
        }
        return doubts
    }

    func about(_ ticket: KerberosTicket, at now: Int64) -> [CheckWarning] {
        var doubts: [CheckWarning] = []
        let left = ticket.endTime - now
        if left >= 0, left < thresholds.ticket.components.seconds {
            doubts.append(
                .init(
                    "ticket-ends",
                    "the ticket for \(ticket.server) ends in \(left) s: get new ones with `kinit`, or with a keytab"))
        }
        if let type = ticket.encryptionType, ["arcfour", "des"].contains(where: type.hasPrefix) {
            doubts.append(
                .init(
                    "ticket-weak",
                    "the ticket for \(ticket.server) is encrypted with \(type), which is weak and which newer systems refuse: "
                        + "give the service's account AES keys, and create a new keytab"))
        }
        return doubts
    }

    /// - Parameter offset: How far the server's clock is ahead of this machine's.
    func about(serverClock offset: Duration) -> [CheckWarning] {
        guard offset.magnitude > thresholds.clock else { return [] }
        return [
            .init(
                "clock",
                "\(ClockText.sentence(offset, other: "the server's")): "
                    + "see which of the two is wrong (`timedatectl`, `chronyc tracking`)")
        ]
    }
}

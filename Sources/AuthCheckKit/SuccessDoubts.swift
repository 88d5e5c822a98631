internal import GSSKerberos
internal import MongoTransport

/// What is doubtful about something that works: it will end soon, or it is weak. In sentences for people.
enum SuccessDoubts {
    /// Whoever renews certificates by hand needs some days for it.
    static let certificateNotice: Int64 = 14 * 86_400
    /// A ticket that ends earlier may end within one run of whatever uses it.
    static let ticketNotice: Int64 = 600
    /// What Kerberos allows clocks to differ by, unless it is configured otherwise.
    static let clockDifference = Duration.seconds(300)

    /// - Parameter now: In seconds since 1970, as the certificate's times.
    static func about(_ certificate: PeerCertificate, at now: Int64) -> [String] {
        var doubts: [String] = []
        let left = certificate.notAfter - now
        if left >= 0, left < certificateNotice {
            let days = left / 86_400
            doubts.append(
                "the server's certificate expires in \(days == 0 ? "less than a day" : "\(days) d"): have it renewed")
        }
        if !certificate.weaknesses.isEmpty {
            doubts.append(
                "the server's certificate is weak: \(certificate.weaknesses.joined(separator: ", and ")); drivers "
                    + "with stricter settings refuse it")
        }
        return doubts
    }

    static func about(_ ticket: KerberosTicket, at now: Int64) -> [String] {
        var doubts: [String] = []
        let left = ticket.endTime - now
        if left >= 0, left < ticketNotice {
            doubts.append(
                "the ticket for \(ticket.server) ends in \(left) s: get new ones with `kinit`, or by a keytab")
        }
        if let type = ticket.encryptionType, ["arcfour", "des"].contains(where: type.hasPrefix) {
            doubts.append(
                "the ticket for \(ticket.server) is encrypted with \(type), which is weak and which newer systems refuse: "
                    + "have the service's account given AES keys, and a new keytab")
        }
        return doubts
    }

    /// - Parameter offset: How far the server's clock is ahead of this machine's.
    static func about(serverClock offset: Duration) -> [String] {
        guard offset.magnitude > clockDifference else { return [] }
        return [KerberosAdvice.hint(forClockOffset: offset)]
    }
}

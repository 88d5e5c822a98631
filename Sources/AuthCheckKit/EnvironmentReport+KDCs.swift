internal import GSSKerberos
internal import KerberosCredentials

extension EnvironmentReport {
    /// The KDCs of a realm.
    package struct KDCs: Sendable, Hashable, Encodable {
        /// The realm.
        package var realm: String
        /// In whose name they were asked.
        package var principal: String
        /// Whether that is a user, so that the answers are about that user.
        package var isAboutUser: Bool
        /// Whether the DNS may be asked for KDCs.
        package var asksDNS: Bool
        /// Why the DNS look-up failed.
        @NullWhenAbsent package var dnsProblem: String?
        /// Values of `kdc =` that cannot be read.
        package var malformedEntries: [String]
        /// The KDCs.
        package var list: [KDC]
        /// How many more there are.
        package var moreKDCs: Int
    }

    /// One KDC.
    package struct KDC: Sendable, Hashable, Encodable {
        /// Its name or address.
        package var host: String
        /// Its port.
        package var port: UInt16
        /// `any`, `udp`, `tcp` or `https`.
        package var transport: String
        /// `configuration` or `dns`.
        package var source: String
        /// The value of the line, or the name of the records.
        package var sourceDetail: String
        /// Whether Kerberos asks it.
        package var isUsed: Bool
        /// The result at each of its addresses.
        package var addresses: [Address]
        /// How many more there are.
        package var moreAddresses: Int
        /// How far its clock is ahead of this machine's.
        @NullWhenAbsent package var clockOffsetSeconds: Double?
        /// Why it could not be asked.
        @NullWhenAbsent package var problem: String?

        /// What became of it at one address.
        package struct Address: Sendable, Hashable, Encodable {
            /// The address.
            package var address: String
            /// By datagrams.
            @NullWhenAbsent package var udp: Attempt?
            /// Over a connection.
            @NullWhenAbsent package var tcp: Attempt?
        }

        /// One try.
        package struct Attempt: Sendable, Hashable, Encodable {
            /// `answered`, `connected`, `refused`, `failed`, `silent`, `connected-and-silent`, `closed` or `malformed`.
            package var outcome: String
            /// How long it took.
            package var milliseconds: Double
            /// The answer: `ticket`, or the name of an error.
            @NullWhenAbsent package var answer: String?
            /// The code of the error, as RFC 4120 counts it.
            @NullWhenAbsent package var code: Int32?
            /// The system's error number.
            @NullWhenAbsent package var errorNumber: Int32?
        }
    }
}

extension EnvironmentReport.KDCs {
    init(_ facts: KDCReport) {
        self.init(
            realm: facts.realm, principal: facts.principal, isAboutUser: facts.isAboutUser, asksDNS: facts.asksDNS,
            dnsProblem: facts.dnsProblem, malformedEntries: facts.malformedEntries, list: facts.kdcs.map { .init($0) },
            moreKDCs: facts.moreKDCs)
    }
}

extension EnvironmentReport.KDC {
    init(_ facts: KDCReport.KDC) {
        let (source, detail) =
            switch facts.location.source {
            case .configuration(let entry): ("configuration", entry)
            case .dns(let name): ("dns", name)
            }
        self.init(
            host: facts.location.host, port: facts.location.port, transport: facts.location.transport.rawValue,
            source: source, sourceDetail: detail, isUsed: facts.isUsed,
            addresses: facts.addresses.map {
                .init(address: "\($0.address)", udp: $0.udp.map { .init($0) }, tcp: $0.tcp.map { .init($0) })
            }, moreAddresses: facts.moreAddresses, clockOffsetSeconds: facts.clockOffset.map { $0 / .seconds(1) },
            problem: facts.problem)
    }
}

extension EnvironmentReport.KDC.Attempt {
    init(_ facts: KDCReport.Attempt) {
        self.init(
            outcome: "", milliseconds: (facts.duration / .microseconds(1)).rounded() / 1000, answer: nil, code: nil,
            errorNumber: nil)
        switch facts.outcome {
        case .answered(.ticket, _): (outcome, answer) = ("answered", "ticket")
        case .answered(.error(let code, let name), _):
            (outcome, answer, self.code) = ("answered", name ?? "error \(code)", code)
        case .connected: outcome = "connected"
        case .refused: outcome = "refused"
        case .failed(let number): (outcome, errorNumber) = ("failed", number)
        case .silent: outcome = "silent"
        case .connectedAndSilent: outcome = "connected-and-silent"
        case .closed: outcome = "closed"
        case .malformed: outcome = "malformed"
        @unknown default: outcome = "\(facts.outcome)"
        }
    }

    /// For a person: the outcome, and when.
    var line: String {
        let time = milliseconds < 10 ? "\((milliseconds * 10).rounded() / 10) ms" : "\(Int(milliseconds)) ms"
        let words = outcome.replacing("-and-", with: ", then ")
        switch (outcome, answer, errorNumber) {
        case ("answered", let answer?, _): return "\(answer) in \(time)"
        case (_, _, let number?): return "error number \(number)"
        default: return "\(words) after \(time)"
        }
    }
}

internal import GSSKerberos
internal import KerberosCredentials

extension EnvironmentReport {
    /// The KDCs of a realm.
    public struct KDCs: Sendable, Hashable, Encodable {
        /// The realm.
        public var realm: String
        /// In whose name they were asked.
        public var principal: String
        /// Whether that is a user, so that the answers are about that user.
        public var isAboutUser: Bool
        /// Whether the DNS may be asked for KDCs.
        public var asksDNS: Bool
        /// Why the DNS did not tell.
        @NullWhenAbsent public var dnsProblem: String?
        /// Values of `kdc =` that cannot be read.
        public var malformedEntries: [String]
        /// The KDCs.
        public var list: [KDC]
        /// How many more there are.
        public var moreKDCs: Int
    }

    /// One KDC.
    public struct KDC: Sendable, Hashable, Encodable {
        /// Its name or address.
        public var host: String
        /// Its port.
        public var port: UInt16
        /// `any`, `udp`, `tcp` or `https`.
        public var transport: String
        /// `configuration` or `dns`.
        public var source: String
        /// The value of the line, or the name of the records.
        public var sourceDetail: String
        /// Whether Kerberos asks it.
        public var isUsed: Bool
        /// What became of it at each of its addresses.
        public var addresses: [Address]
        /// How many more there are.
        public var moreAddresses: Int
        /// By how much its clock is ahead of this machine's.
        @NullWhenAbsent public var clockOffsetSeconds: Double?
        /// Why it could not be asked.
        @NullWhenAbsent public var problem: String?

        /// What became of it at one address.
        public struct Address: Sendable, Hashable, Encodable {
            /// The address.
            public var address: String
            /// By datagrams.
            @NullWhenAbsent public var udp: Attempt?
            /// Over a connection.
            @NullWhenAbsent public var tcp: Attempt?
        }

        /// One try.
        public struct Attempt: Sendable, Hashable, Encodable {
            /// `answered`, `connected`, `refused`, `failed`, `silent`, `connected-and-silent`, `closed` or `malformed`.
            public var outcome: String
            /// How long it took.
            public var milliseconds: Double
            /// What was answered: `ticket`, or the name of an error.
            @NullWhenAbsent public var answer: String?
            /// The code of the error, as RFC 4120 counts it.
            @NullWhenAbsent public var code: Int32?
            /// The system's error number.
            @NullWhenAbsent public var errorNumber: Int32?
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

    /// For a person: what came of it, and when.
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

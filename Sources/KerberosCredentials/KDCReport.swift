public import GSSKerberos
public import NameResolution

/// What the KDCs of a realm answered, each asked by itself.
public struct KDCReport: Sendable, Hashable {
    /// What became of one KDC, at all of its addresses.
    public struct KDC: Sendable, Hashable {
        /// Where it is said to be, and by whom.
        public var location: KDCLocation
        /// Whether libkrb5 asks it: of those that the DNS has it asks none where the configuration has any.
        public var isUsed: Bool
        /// What became of it at each of its addresses.
        public var addresses: [Address]
        /// How many addresses it has that were not tried.
        public var moreAddresses: Int
        /// Why it has no address, or could not be asked; `nil` where it was.
        public var problem: String?

        /// Creates a description.
        public init(
            location: KDCLocation, isUsed: Bool = true, addresses: [Address] = [], moreAddresses: Int = 0,
            problem: String? = nil
        ) {
            (self.location, self.isUsed, self.addresses) = (location, isUsed, addresses)
            (self.moreAddresses, self.problem) = (moreAddresses, problem)
        }
    }

    /// What became of a KDC at one address.
    public struct Address: Sendable, Hashable {
        /// Where the KDC was asked.
        public var address: IPAddress
        /// By datagrams; `nil` where that was not tried.
        public var udp: Attempt?
        /// Over a connection; `nil` where that was not tried.
        public var tcp: Attempt?

        /// Creates a description.
        public init(address: IPAddress, udp: Attempt? = nil, tcp: Attempt? = nil) {
            (self.address, self.udp, self.tcp) = (address, udp, tcp)
        }
    }

    /// One try.
    public struct Attempt: Sendable, Hashable {
        /// What came of it.
        public var outcome: Outcome
        /// How long that took.
        public var duration: Duration

        /// Creates a description.
        public init(_ outcome: Outcome, after duration: Duration) {
            (self.outcome, self.duration) = (outcome, duration)
        }
    }

    /// What comes of a try.
    @nonexhaustive
    public enum Outcome: Sendable, Hashable {
        /// A KDC's message came: what it is, and by how much the KDC's clock is ahead of this machine's where it tells.
        case answered(KDCReply.Content, clockOffset: Duration?)
        /// The connection was made, to a proxy of which nothing more was asked.
        case connected
        /// Nobody listens there.
        case refused
        /// The system could not send or connect, for the reason with this error number.
        case failed(errno: Int32)
        /// Nothing came until the time was up; over a connection, none was made.
        case silent
        /// The connection was made, and nothing came until the time was up.
        case connectedAndSilent
        /// The connection was ended before anything came.
        case closed
        /// Something came that is no message of a KDC.
        case malformed
    }

    /// Whose KDCs were asked: the one that was named, else the user's, else the default one.
    public var realm: String
    /// In whose name the KDCs were asked.
    public var principal: String
    /// Whether that is a user who was named, so that the answers are about that user.
    public var isAboutUser: Bool
    /// The KDCs: those of the configuration in its order, then those of the DNS by their priority.
    public var kdcs: [KDC]
    /// How many more there are that were not asked.
    public var moreKDCs: Int
    /// The values of lines `kdc =` that libkrb5 cannot read: with one of them it asks no KDC of the realm at all.
    public var malformedEntries: [String]
    /// Whether libkrb5 may ask the DNS for KDCs (`dns_lookup_kdc`).
    public var asksDNS: Bool
    /// Why the DNS did not tell whether it has any; `nil` where it did or was not asked.
    public var dnsProblem: String?

    /// Creates a description.
    public init(
        realm: String, principal: String, isAboutUser: Bool, kdcs: [KDC] = [], moreKDCs: Int = 0,
        malformedEntries: [String] = [], asksDNS: Bool, dnsProblem: String? = nil
    ) {
        (self.realm, self.principal, self.isAboutUser, self.kdcs) = (realm, principal, isAboutUser, kdcs)
        (self.moreKDCs, self.malformedEntries) = (moreKDCs, malformedEntries)
        (self.asksDNS, self.dnsProblem) = (asksDNS, dnsProblem)
    }

    /// Whether at least one KDC that libkrb5 asks has answered.
    public var isReachable: Bool { malformedEntries.isEmpty && kdcs.contains { $0.isUsed && $0.hasAnswered } }
}

extension KDCReport.KDC {
    /// All tries, with the address and the way of each.
    public var attempts: [(address: IPAddress, transport: KDCLocation.Transport, attempt: KDCReport.Attempt)] {
        addresses.flatMap { entry in
            [(KDCLocation.Transport.udp, entry.udp), (.tcp, entry.tcp)].compactMap { way, attempt in
                attempt.map { (entry.address, way, $0) }
            }
        }
    }

    /// Whether it has answered anywhere.
    public var hasAnswered: Bool { attempts.contains { $0.attempt.outcome.isAnswer } }

    /// Whether it answers by datagrams, and nothing of it over connections, which long answers need.
    public var isWithoutConnections: Bool {
        let connections = attempts.filter { $0.transport == .tcp }
        return hasAnswered && !connections.isEmpty && !connections.contains { $0.attempt.outcome.isAnswer }
    }

    /// By how much its clock is ahead of this machine's; `nil` where it did not tell.
    public var clockOffset: Duration? {
        attempts.lazy.compactMap { entry in
            if case .answered(_, let offset) = entry.attempt.outcome { offset } else { nil }
        }.first
    }

    /// What its answer is; of several the one that says the most: not that an answer is too long for a datagram.
    public var answer: KDCReply.Content? {
        let answers = attempts.compactMap { entry in
            if case .answered(let content, _) = entry.attempt.outcome { content } else { nil }
        }
        return answers.first { !$0.isTooLongForDatagrams } ?? answers.first
    }
}

extension KDCReport.Outcome {
    /// Whether it is a KDC's answer, or the connection to a proxy.
    public var isAnswer: Bool {
        switch self {
        case .answered, .connected: true
        default: false
        }
    }
}

// MARK: - Words

extension KDCReport.KDC: CustomStringConvertible {
    /// The facts in a line: `kdc1.example.com:88: UDP silent, TCP refused`. With several addresses each has its own.
    public var description: String {
        if addresses.isEmpty { return "\(location): \(problem ?? (isUsed ? "no address" : "not asked"))" }
        let texts = addresses.map { entry in
            let ways = [entry.udp.map { "UDP \($0.outcome)" }, entry.tcp.map { "TCP \($0.outcome)" }].compactMap(\.self)
            let words = ways.isEmpty ? "not asked" : ways.joined(separator: ", ")
            return addresses.count == 1 ? words : "\(entry.address) \(words)"
        }
        return "\(location): \(texts.joined(separator: "; "))"
    }
}

extension KDCReport.Outcome: CustomStringConvertible {
    /// The outcome in a few words.
    public var description: String {
        switch self {
        case .answered(let content, _): content.isTooLongForDatagrams ? "answer too long" : "answered"
        case .connected: "connected"
        case .refused: "refused"
        case .failed(let number): KDCSocketError.text(number)
        case .silent: "silent"
        case .connectedAndSilent: "connected, then silent"
        case .closed: "closed without an answer"
        case .malformed: "not a KDC"
        }
    }
}

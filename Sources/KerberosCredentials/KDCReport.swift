public import GSSKerberos
public import NameResolution

/// What the KDCs of a realm answered, each asked separately.
public struct KDCReport: Sendable, Hashable {
    /// What became of one KDC, at all of its addresses.
    public struct KDC: Sendable, Hashable {
        /// Its location, and the source of that.
        public var location: KDCLocation
        /// Whether libkrb5 asks it: it asks none from the DNS if the configuration has any.
        public var isUsed: Bool
        /// The result at each of its addresses.
        public var addresses: [Address]
        /// How many addresses it has that were not tried.
        public var moreAddresses: Int
        /// Why it has no address, or could not be asked; `nil` if it was asked.
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

    /// The result of a KDC at one address.
    public struct Address: Sendable, Hashable {
        /// Where the KDC was asked.
        public var address: IPAddress
        /// Over UDP; `nil` if that was not tried.
        public var udp: Attempt?
        /// Over TCP; `nil` if that was not tried.
        public var tcp: Attempt?

        /// Creates a description.
        public init(address: IPAddress, udp: Attempt? = nil, tcp: Attempt? = nil) {
            (self.address, self.udp, self.tcp) = (address, udp, tcp)
        }
    }

    /// One try.
    public struct Attempt: Sendable, Hashable {
        /// Whether an answer came, or why none did.
        public var outcome: Outcome
        /// The time until the outcome.
        public var duration: Duration

        /// Creates a description.
        public init(_ outcome: Outcome, after duration: Duration) {
            (self.outcome, self.duration) = (outcome, duration)
        }
    }

    /// The outcome of an attempt.
    @nonexhaustive
    public enum Outcome: Sendable, Hashable {
        /// The KDC answered: the message, and how far the KDC's clock is ahead of this machine's, if reported.
        case answered(KDCReply.Content, clockOffset: Duration?)
        /// Connected to a proxy, to which no request was sent.
        case connected
        /// Nothing listens there.
        case refused
        /// The system could not send or connect, with this error number.
        case failed(errno: Int32)
        /// Nothing came before the deadline; over TCP, no connection was established.
        case silent
        /// The connection was established, and nothing came before the deadline.
        case connectedAndSilent
        /// The connection was closed before anything came.
        case closed
        /// Something came that is not a KDC's message.
        case malformed
    }

    /// Whose KDCs were asked: the one that was named, else the user's, else the default one.
    public var realm: String
    /// The user in whose name the KDCs were asked.
    public var principal: String
    /// Whether that is a named user, so that the answers are about that user.
    public var isAboutUser: Bool
    /// The KDCs: those of the configuration in its order, then those of the DNS by their priority.
    public var kdcs: [KDC]
    /// How many more there are that were not asked.
    public var moreKDCs: Int
    /// The values of lines `kdc =` that libkrb5 cannot read: with one of them it asks no KDC of the realm at all.
    public var malformedEntries: [String]
    /// Whether libkrb5 may ask the DNS for KDCs (`dns_lookup_kdc`).
    public var asksDNS: Bool
    /// Why the DNS look-up failed; `nil` if it did not or was not made.
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
    /// All attempts, with the address and the transport of each.
    public var attempts: [(address: IPAddress, transport: KDCLocation.Transport, attempt: KDCReport.Attempt)] {
        addresses.flatMap { entry in
            [(KDCLocation.Transport.udp, entry.udp), (.tcp, entry.tcp)].compactMap { way, attempt in
                attempt.map { (entry.address, way, $0) }
            }
        }
    }

    /// Whether it answered at any address.
    public var hasAnswered: Bool { attempts.contains { $0.attempt.outcome.isAnswer } }

    /// Whether it answers over UDP but not over TCP, which long answers need.
    public var isWithoutConnections: Bool {
        let connections = attempts.filter { $0.transport == .tcp }
        return hasAnswered && !connections.isEmpty && !connections.contains { $0.attempt.outcome.isAnswer }
    }

    /// How far its clock is ahead of this machine's; `nil` if not reported.
    public var clockOffset: Duration? {
        attempts.lazy.compactMap { entry in
            if case .answered(_, let offset) = entry.attempt.outcome { offset } else { nil }
        }.first
    }

    /// Its answer; of several the most informative one, not that an answer is too long for UDP.
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
    /// The facts on one line: `kdc1.example.com:88: UDP silent, TCP refused`. With several addresses each has its own.
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

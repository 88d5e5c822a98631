internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
public import NameResolution

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Asks every KDC of a realm separately, to find out which of them answer: libkrb5 asks one after the other and does
/// not report each.
///
/// The request is an AS-REQ without any key, libkrb5's first request; the answers prove nothing.
/// Use them only to inform people.
public struct KDCProbe: Sendable {
    /// How many KDCs of a realm are asked.
    public static let mostKDCs = 16
    /// How many addresses of a KDC are tried.
    public static let mostAddresses = 4

    private let names: any NameResolver
    private let services: any ServiceResolver

    /// Creates a probe.
    ///
    /// - Parameters:
    ///   - names: Finds the KDCs' addresses.
    ///   - services: Finds the KDCs that only the DNS knows.
    public init(names: any NameResolver = SystemResolver(), services: any ServiceResolver = DNSServiceResolver()) {
        (self.names, self.services) = (names, services)
    }

    /// Asks all KDCs at once, at each address over UDP and TCP. A silent KDC is waited for until
    /// shortly before the deadline.
    ///
    /// - Parameters:
    ///   - realm: The realm whose KDCs are asked; `nil` is the principal's realm, or the default one.
    ///   - principal: The user to ask for, so that the answers show what each KDC knows of that user; `nil`
    ///     asks for a user who does not exist.
    ///   - deadline: When the probe must have ended.
    /// - Throws: ``KerberosCredentialError`` where the configuration or a name cannot be read; `CancellationError`.
    public func run(
        realm: String? = nil, principal: String? = nil, by deadline: ContinuousClock.Instant
    ) async throws -> KDCReport {
        let question = try await KerberosCredentialError.translating {
            try await BlockingWorkers.namesAndFiles.run(by: deadline, waitingFor: "the Kerberos configuration") {
                try KDCQuestion(realm: realm, principal: principal)
            }
        }
        let left = deadline - .now
        // What is known by then must be reported before the deadline.
        let reserve = min(.milliseconds(400), left / 4)
        let end = deadline - reserve
        // On a busy machine a thread reports its result late: that must not be lost.
        let last = deadline - reserve / 8
        var report = KDCReport(
            realm: question.realm, principal: question.principal, isAboutUser: question.isAboutUser,
            asksDNS: question.asksDNS)
        var known: [KDCLocation] = []
        var places: Set<[String]> = []
        for entry in question.entries {
            guard let location = KDCLocation(entry: entry) else {
                if report.malformedEntries.count < Self.mostKDCs { report.malformedEntries.append(entry) }
                continue
            }
            // A file may have thousands of them.
            if places.insert(location.place).inserted { known.append(location) }
        }
        let hasEntries = !question.entries.isEmpty
        report.moreKDCs = max(0, known.count - Self.mostKDCs)
        let first = Array(known.prefix(Self.mostKDCs))
        async let configured = ask(first, isUsed: true, question, until: end, by: last)
        if question.asksDNS {
            // KDCs that the library does not use are waited for less long.
            let found = await look(question.realm, by: hasEntries ? min(end, .now + left / 3) : end)
            report.dnsProblem = found.problem
            let new = found.locations.filter { !places.contains($0.place) }
            let room = max(0, Self.mostKDCs - known.count)
            report.moreKDCs += max(0, new.count - room)
            let others = Array(new.prefix(room))
            // If the configuration names KDCs, the user's name is sent to no others, whatever the DNS says.
            report.kdcs =
                hasEntries
                ? await configured + others.map { KDCReport.KDC(location: $0, isUsed: false) }
                : await ask(others, isUsed: true, question, until: end, by: last)
        } else {
            report.kdcs = await configured
        }
        try Task.checkCancellation()
        return report
    }

    // MARK: - Where they are

    /// The KDCs that the DNS has (RFC 4120 section 7.2.3), those with a lower priority first.
    private func look(
        _ realm: String, by deadline: ContinuousClock.Instant
    ) async -> (locations: [KDCLocation], problem: String?) {
        async let datagrams = records("_kerberos._udp.\(realm)", by: deadline)
        async let connections = records("_kerberos._tcp.\(realm)", by: deadline)
        let answers = [await datagrams, await connections]
        var found: [(priority: UInt16, location: KDCLocation)] = []
        for (transport, answer) in zip([KDCLocation.Transport.udp, .tcp], answers) {
            for record in answer.records {
                let location = KDCLocation(
                    host: record.target, port: record.port, transport: transport,
                    source: .dns(name: "_kerberos._\(transport.rawValue).\(realm)"))
                if let index = found.firstIndex(where: { location.place == $0.location.place }) {
                    if found[index].location.transport != transport { found[index].location.transport = .any }
                } else {
                    found.append((record.priority, location))
                }
            }
        }
        let sorted = found.enumerated().sorted { ($0.element.priority, $0.offset) < ($1.element.priority, $1.offset) }
        return (sorted.map(\.element.location), answers.lazy.compactMap(\.problem).first)
    }

    /// A name without such records is an answer, not a problem.
    private func records(
        _ name: String, by deadline: ContinuousClock.Instant
    ) async -> (records: [SRVRecord], problem: String?) {
        do {
            return (try await services.services(of: name, by: deadline), nil)
        } catch let error as NameResolutionError {
            return ([], [.noSuchName, .noRecords].contains(error.code) ? nil : error.message)
        } catch {
            return ([], "\(error)")
        }
    }

    // MARK: - Asking

    private func ask(
        _ locations: [KDCLocation], isUsed: Bool, _ question: KDCQuestion, until end: ContinuousClock.Instant,
        by last: ContinuousClock.Instant
    ) async -> [KDCReport.KDC] {
        await withTaskGroup(of: (Int, KDCReport.KDC).self) { group in
            for (index, location) in locations.enumerated() {
                group.addTask { (index, await ask(location, isUsed: isUsed, question, until: end, by: last)) }
            }
            var kdcs: [Int: KDCReport.KDC] = [:]
            for await (index, kdc) in group { kdcs[index] = kdc }
            return locations.indices.compactMap { kdcs[$0] }
        }
    }

    private func ask(
        _ location: KDCLocation, isUsed: Bool, _ question: KDCQuestion, until end: ContinuousClock.Instant,
        by last: ContinuousClock.Instant
    ) async -> KDCReport.KDC {
        var kdc = KDCReport.KDC(location: location, isUsed: isUsed)
        do {
            let found = try await names.addresses(of: location.host, family: nil, by: end)
            kdc.moreAddresses = max(0, found.count - Self.mostAddresses)
            let addresses = Array(found.prefix(Self.mostAddresses))
            guard let wakeUp = WakeUp() else {
                kdc.problem = KDCSocketError.text(EMFILE)
                return kdc
            }
            // The sockets' own waits end earlier.
            kdc.addresses = try await withTaskCancellationHandler {
                try await BlockingWorkers.kdcs.run(by: last, waitingFor: "\(location)") {
                    try Self.attempts(at: addresses, of: location, question, until: end, wakeUp)
                }
            } onCancel: {
                wakeUp.signal()
            }
        } catch let error as NameResolutionError {
            kdc.problem = error.message
        } catch let error as BlockingWorkError {
            kdc.problem = error.message
        } catch let error as GSSError {
            kdc.problem = error.message
        } catch {
            kdc.problem = "\(error)"
        }
        return kdc
    }

    /// Blocks its thread.
    private static func attempts(
        at addresses: [IPAddress], of location: KDCLocation, _ question: KDCQuestion,
        until end: ContinuousClock.Instant,
        _ wakeUp: WakeUp
    ) throws(GSSError) -> [KDCReport.Address] {
        let ways: [KDCSocket.Way] =
            switch location.transport {
            case .any: [.datagrams, .stream]
            case .udp: [.datagrams]
            case .tcp: [.stream]
            case .https: [.connectionOnly]
            }
        let sockets = addresses.flatMap { address in
            ways.map { KDCSocket($0, to: address, port: location.port, question.message) }
        }
        KDCSocket.run(sockets, until: end, wakeUp: wakeUp)
        let replies = sockets.compactMap { socket in
            if case .message(let bytes, _) = socket.result { bytes } else { nil }
        }
        let read = try KDCReply.read(replies)
        var rest = read[...]
        var offset: Duration?
        if let index = sockets.firstIndex(where: \.hasMessage), read.allSatisfy({ $0?.content == .ticket }) {
            let again = KDCSocket(
                sockets[index].way, to: addresses[index / ways.count], port: location.port, question.clockMessage)
            offset = try clockOffset(again, until: end, wakeUp)
        }
        var entries = addresses.map { KDCReport.Address(address: $0) }
        for (index, socket) in sockets.enumerated() {
            let outcome: KDCReport.Outcome =
                switch socket.result {
                case .message(_, let arrival):
                    if let reply = rest.popFirst().flatMap(\.self) {
                        .answered(reply.content, clockOffset: reply.time.map { $0 - arrival } ?? offset)
                    } else {
                        .malformed
                    }
                case .outcome(let outcome): outcome
                case nil: .silent
                }
            let attempt = KDCReport.Attempt(outcome, after: socket.duration)
            switch socket.way {
            case .datagrams: entries[index / ways.count].udp = attempt
            case .stream, .connectionOnly: entries[index / ways.count].tcp = attempt
            }
        }
        return entries
    }

    /// Tickets carry no time; refusals do.
    private static func clockOffset(
        _ socket: KDCSocket, until end: ContinuousClock.Instant, _ wakeUp: WakeUp
    ) throws(GSSError) -> Duration? {
        KDCSocket.run([socket], until: end, wakeUp: wakeUp)
        guard case .message(let bytes, let arrival) = socket.result, let reply = try KDCReply.read([bytes])[0] else {
            return nil
        }
        return reply.time.map { $0 - arrival }
    }
}

extension KDCLocation {
    /// The identity of a location: names are compared as in the DNS.
    fileprivate var place: [String] {
        [asciiLowercased(withoutFinalPeriod(host)), "\(port)", transport == .https ? "https" : ""]
    }
}

/// One question, sent to one name server after another until one answers. Blocks its thread.
///
/// Only its configuration is taken from the C library's resolver, which waits for ever when a server is silent on
/// TCP and does not report why a server did not answer.
struct DNSExchange {
    /// The name as the caller wrote it, for errors.
    let name: String
    let question: DNSQuestion
    let configuration: DNSConfiguration
    let deadline: ContinuousClock.Instant
    /// Ends the exchange early.
    let wakeUp: WakeUp

    /// A server's answer.
    private enum Knowledge {
        case noSuchName
        case records([DNSRecordData])
    }

    /// Why a server gave no answer.
    private struct ServerFailure: Error {
        /// To follow the server's address.
        var reason: String
        /// Whether the server sent something, but no answer.
        var isMalformed = false
        /// Whether no other server need be asked: no caller waits any more.
        var isFinal = false
    }

    /// Asks until there is an answer.
    ///
    /// - Returns: The records; not empty.
    func run() throws(NameResolutionError) -> [DNSRecordData] {
        guard !configuration.nameServers.isEmpty else {
            throw NameResolutionError(.failure, name: name, "there is no name server to ask")
        }
        var servers = configuration.nameServers
        if configuration.rotates, let start = servers.indices.randomElement() {
            servers = Array(servers[start...] + servers[..<start])
        }
        var failures: [NameServer: ServerFailure] = [:]
        for round in 0..<max(1, configuration.attempts) {
            for server in servers {
                guard .now < deadline else { throw error(.deadlineExceeded, servers, failures) }
                let knowledge: Knowledge
                do throws(ServerFailure) {
                    // Some networks drop unknown message types.
                    knowledge = try ask(server, isExtended: round == 0)
                } catch {
                    failures[server] = error
                    if error.isFinal { throw self.error(.deadlineExceeded, servers, failures) }
                    continue
                }
                return try records(in: knowledge, of: server)
            }
        }
        guard .now < deadline else { throw error(.deadlineExceeded, servers, failures) }
        let isMalformed = failures.values.allSatisfy(\.isMalformed)
        throw error(isMalformed ? .malformedAnswer : .temporaryFailure, servers, failures)
    }

    private func records(
        in knowledge: Knowledge, of server: NameServer
    ) throws(NameResolutionError) -> [DNSRecordData] {
        guard case .records(let records) = knowledge else {
            throw NameResolutionError(
                .noSuchName, name: name, "does not exist (name server \(server): \(DNSResponseCode.nameError))")
        }
        guard !records.isEmpty else {
            throw NameResolutionError(
                .noRecords, name: name, "has no \(question.type.mnemonic) record (name server \(server))")
        }
        return records
    }

    private func error(
        _ code: NameResolutionError.Code, _ servers: [NameServer], _ failures: [NameServer: ServerFailure]
    ) -> NameResolutionError {
        let reasons = servers.compactMap { server in failures[server].map { "name server \(server): \($0.reason)" } }
        let what = code == .deadlineExceeded ? "the deadline passed before an answer came" : "no name server answered"
        return NameResolutionError(
            code, name: name, reasons.isEmpty ? what : "\(what) (\(reasons.joined(separator: "; ")))")
    }

    // MARK: - One server

    private func ask(_ server: NameServer, isExtended: Bool) throws(ServerFailure) -> Knowledge {
        if !configuration.usesTCPOnly {
            var answer = try askByDatagram(server, isExtended: isExtended)
            if isExtended, case .failure(let code) = answer, code.mayBeAboutExtensions {
                answer = try askByDatagram(server, isExtended: false)
            }
            if let knowledge = try settle(answer) { return knowledge }
        }
        guard let knowledge = try settle(try askByStream(server)) else {
            throw ServerFailure(reason: "a truncated answer over TCP", isMalformed: true)
        }
        return knowledge
    }

    /// The content of an answer; `nil` if it must be asked for over TCP.
    private func settle(_ answer: DNSAnswer) throws(ServerFailure) -> Knowledge? {
        switch answer {
        case .records(let records): return .records(records)
        case .noSuchName: return .noSuchName
        case .truncated: return nil
        case .failure(let code): throw ServerFailure(reason: "\(code)")
        case .lame: throw ServerFailure(reason: "it does not offer recursion")
        case .unrelated(let reason): throw ServerFailure(reason: reason, isMalformed: true)
        case .malformed(let reason):
            throw ServerFailure(reason: "the answer is malformed: \(reason)", isMalformed: true)
        }
    }

    private func askByDatagram(_ server: NameServer, isExtended: Bool) throws(ServerFailure) -> DNSAnswer {
        let query = newQuery(isExtended: isExtended)
        var unrelated: String?
        do throws(DNSSocket.Failure) {
            let socket = try DNSSocket(server, .udp, until: end, wakeUp: wakeUp)
            try socket.send(query.encoded)
            while true {
                let answer = DNSAnswer(try socket.receive(Self.maximumMessage), to: query)
                // It may be forged: the real answer may still come.
                guard case .unrelated(let reason) = answer else { return answer }
                unrelated = reason
            }
        } catch {
            if case .timeout = error, let unrelated {
                throw ServerFailure(reason: "it sent only \(unrelated)", isMalformed: true)
            }
            throw Self.serverFailure(error, "UDP")
        }
    }

    private func askByStream(_ server: NameServer) throws(ServerFailure) -> DNSAnswer {
        let query = newQuery()
        do throws(DNSSocket.Failure) {
            let socket = try DNSSocket(server, .tcp, until: end, wakeUp: wakeUp)
            // RFC 1035 section 4.2.2: two bytes of length before each message.
            let message = query.encoded
            try socket.send([UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message)
            let length = try socket.receiveAll(2)
            return DNSAnswer(try socket.receiveAll(Int(length[0]) << 8 | Int(length[1])), to: query)
        } catch {
            throw Self.serverFailure(error, "TCP")
        }
    }

    private static let maximumMessage = 65535

    /// Each question has an id of its own and a socket of its own, so a port of its own: to forge an answer, both must
    /// be guessed (RFC 5452).
    private func newQuery(isExtended: Bool = false) -> DNSQuery {
        DNSQuery(id: .random(in: .min ... .max), question: question, isExtended: isExtended)
    }

    /// When to go from a server to the next.
    private var end: ContinuousClock.Instant {
        min(deadline, .now + max(configuration.timeout, .milliseconds(1)))
    }

    private static func serverFailure(_ failure: DNSSocket.Failure, _ transport: String) -> ServerFailure {
        var isFinal = false
        if case .woken = failure { isFinal = true }
        return ServerFailure(reason: "\(transport): \(failure.reason)", isFinal: isFinal)
    }
}

import ExampleSupport
import NIOCore
import SASL

/// The parts of an IMAP client (RFC 9051) needed to authenticate and to open a mailbox.
struct IMAPConnection {
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<String>.AsyncIterator
    private var lastTag = 0

    init(_ inbound: NIOAsyncChannelInboundStream<String>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// Reads the greeting, and the server's capabilities.
    mutating func begin() async throws -> Set<String> {
        let greeting = try await line()
        guard greeting.utf8.starts(with: "* OK".utf8) else { throw IMAPError.refused(greeting) }
        if let capabilities = Self.capabilities(greeting) { return capabilities }
        return try await command("CAPABILITY").lazy.compactMap(Self.capabilities).first ?? []
    }

    /// `CAPABILITY` and what follows it, within a greeting's brackets or as an answer.
    private static func capabilities(_ line: String) -> Set<String>? {
        let words = line.split { " []".contains($0) }.map(String.init)
        return words.firstIndex(of: "CAPABILITY").map { Set(words[$0...].dropFirst()) }
    }

    /// Authenticates (RFC 9051 section 6.2.2); with SASL-IR the first token goes along with the command.
    mutating func authenticate(_ mechanism: any SaslMechanism, sendsInitialResponse: Bool) async throws {
        var session = try SaslSession(mechanism)
        let tag = nextTag()
        var command = "\(tag) AUTHENTICATE \(mechanism.name)"
        if sendsInitialResponse, session.firstSpeaker == .client, case .respond(let token) = try session.step(nil) {
            // No data is not empty data: the latter is sent as `=`.
            command += token.isEmpty ? " =" : " \(SaslBase64.encode(token))"
        }
        try await send(command)
        while true {
            let line = try await line()
            if line.utf8.starts(with: "+".utf8) {
                try await send(try response(to: line.dropFirst(), &session))
            } else if line.utf8.starts(with: "\(tag) OK".utf8) {
                // Both sides have to agree: a server's claim alone proves nothing.
                guard session.isComplete else { throw IMAPError.tooEarly }
                return
            } else if line.utf8.starts(with: "\(tag) ".utf8) {
                throw IMAPError.refused(line)
            }
        }
    }

    private func response(to challenge: Substring, _ session: inout SaslSession) throws -> String {
        let text = challenge.drop { $0 == " " }
        guard let challenge = SaslBase64.decode(text.utf8) else { throw IMAPError.malformed("not base64") }
        return switch try session.step(challenge) {
        case .respond(let token): SaslBase64.encode(token)
        case .done: ""
        }
    }

    /// Runs a command and gives the lines that came before its end.
    mutating func command(_ text: String) async throws -> [String] {
        let tag = nextTag()
        try await send("\(tag) \(text)")
        var lines: [String] = []
        while true {
            let line = try await line()
            if line.utf8.starts(with: "\(tag) OK".utf8) { return lines }
            if line.utf8.starts(with: "\(tag) ".utf8) { throw IMAPError.refused(line) }
            lines.append(line)
        }
    }

    private mutating func nextTag() -> String {
        lastTag += 1
        return "a\(lastTag)"
    }

    private func send(_ line: String) async throws {
        try await outbound.write(ByteBuffer(string: "\(line)\r\n"))
    }

    private mutating func line() async throws -> String {
        guard let line = try await inbound.next() else { throw IMAPError.closed }
        return line
    }
}

enum IMAPError: Error, CustomStringConvertible {
    case malformed(String)
    case refused(String)
    case closed
    case tooEarly

    var description: String {
        switch self {
        case .malformed(let what): "the server's answer is malformed: \(what)"
        case .refused(let line): "the server refused: \(line)"
        case .closed: "the server has closed the connection"
        case .tooEarly: "the server reported success before it proved its identity"
        }
    }
}

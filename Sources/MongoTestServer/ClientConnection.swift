import Glibc
import NIOCore
import NIOPosix
import SaslBSON
import SaslWire

/// Carries out what a ``ClientSession`` decides: one command at a time, in the order in which they came.
struct ClientConnection {
    private enum Form {
        case message
        case query
    }

    private let shared: SharedState
    private let pool: NIOThreadPool
    private var session: ClientSession
    private var exchange: (any ServerExchange)?
    private var lastRequestID: Int32 = 0

    init(shared: SharedState, pool: NIOThreadPool, number: Int32) {
        self.shared = shared
        self.pool = pool
        session = ClientSession(
            facts: ClientSession.ServerFacts(
                directory: shared.directory,
                maximumMessageLength: shared.configuration.limits.maximumMessageLength),
            connectionID: number)
    }

    /// Answers until the client closes the connection, sends a malformed message, or the task is cancelled.
    mutating func serve(_ channel: ClientChannel) async throws {
        var isTrusted = false
        try await channel.executeThenClose { inbound, outbound in
            for try await frame in inbound {
                if let reply = try await answer(frame, on: channel.channel) {
                    try await outbound.write(reply)
                } else {
                    try await channel.channel.triggerUserOutboundEvent(ClientWatch.Event.answered)
                }
                if session.user != nil, !isTrusted {
                    isTrusted = true
                    try await channel.channel.triggerUserOutboundEvent(ClientWatch.Event.authenticated)
                }
            }
        }
    }

    /// The encoded reply to a message; `nil` if it expects none.
    private mutating func answer(_ frame: WireFrame, on channel: any Channel) async throws -> ByteBuffer? {
        let form: Form
        let action: ClientSession.Action
        let wantsReply: Bool
        switch frame.message {
        case .message(let message):
            form = .message
            wantsReply = !message.flags.contains(.moreToCome)
            action = session.commandReceived(message.body, millisecondsSince1970: Self.now)
        case .query(let query):
            form = .query
            wantsReply = true
            action = session.queryReceived(
                query.query, on: query.fullCollectionName, millisecondsSince1970: Self.now)
        case .reply:
            throw WireError(.unsupportedOpcode, "A client sent OP_REPLY, which only servers send.")
        }
        let document = try await perform(action, on: channel)
        guard wantsReply else { return nil }
        lastRequestID &+= 1
        let reply: WireMessage =
            switch form {
            case .message: .message(WireOpMessage(body: document))
            case .query: .reply(WireOpReply(documents: [document]))
            }
        return try reply.encoded(
            requestID: lastRequestID, responseTo: frame.header.requestID, limits: shared.configuration.limits)
    }

    private mutating func perform(
        _ action: ClientSession.Action, on channel: any Channel
    ) async throws -> BSONDocument {
        let reply: BSONDocument
        let ended: MongoTestServer.Authentication?
        switch action {
        case .reply(let document):
            return document
        case .startExchange(let request):
            let sasl = shared.sasl
            let (begun, outcome) = try await pool.runIfActive {
                let exchange = sasl.begin(request)
                return (exchange, exchange.step(request.token))
            }
            exchange = begun
            (reply, ended) = session.saslStepped(outcome)
        case .continueExchange(let token):
            var outcome = SaslOutcome.failed(reason: "there is no exchange")
            if let exchange { outcome = try await pool.runIfActive { exchange.step(token) } }
            (reply, ended) = session.saslStepped(outcome)
        case .seeCertificate:
            (reply, ended) = session.certificateSeen(subject: try await ClientCertificate.subject(of: channel))
        }
        if let ended {
            exchange = nil
            shared.authenticationEnded(ended)
            if ended.failure != nil {
                try await Task.sleep(for: shared.configuration.authenticationFailureDelay)
            }
        }
        return reply
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

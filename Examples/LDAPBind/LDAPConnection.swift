import ExampleSupport
import NIOCore
import SASL

/// One connection to an LDAP server. All of it runs on the connection's event loop.
struct LDAPConnection {
    let channel: any Channel
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    var inbound: NIOAsyncChannelInboundStream<LDAPMessage>.AsyncIterator
    private var lastIdentifier: Int32 = 0

    init(
        _ channel: any Channel, _ inbound: NIOAsyncChannelInboundStream<LDAPMessage>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// Authenticates (RFC 4513 section 5.2), and has the layer protect all that follows.
    mutating func bind(_ mechanism: any SaslMechanism) async throws -> SaslSecurityLayers {
        var session = try SaslSession(mechanism)
        var step = try session.step(nil)
        while true {
            let credentials: [UInt8]? = if case .respond(let token) = step { token } else { nil }
            try await send(LDAPMessage.bind(mechanism: mechanism.name.rawValue, credentials: credentials))
            let result = try LDAPResult(try await receive(LDAPMessage.bindResponse))
            switch result.code {
            case LDAPResult.saslBindInProgress:
                step = try session.step(result.serverSaslCredentials)
            case LDAPResult.success:
                // Both sides have to agree. Data with the success are the mechanism's to judge.
                if let last = result.serverSaslCredentials { _ = try session.step(last) }
                guard session.isComplete else { throw LDAPError.tooEarly }
                return try install(try session.makeSecurityLayer())
            default:
                throw LDAPError.refused(what: "bind", result)
            }
        }
    }

    /// The layer is in force from the next byte on (RFC 4511 section 4.2.1): the server sends none before we ask for something.
    private func install(_ layer: any SaslSecurityLayer) throws -> SaslSecurityLayers {
        let protection = layer.protection
        if protection != .none {
            try channel.pipeline.syncOperations.addHandler(SaslLayerHandler(SaslLayerCodec(layer)), position: .first)
        }
        return protection
    }

    /// Gives the names of what is below a base, and how many bytes all of it has.
    mutating func search(base: String, attributes: [String]) async throws -> (names: [String], bytes: Int) {
        try await send(LDAPMessage.search(base: base, attributes: attributes))
        var names: [String] = []
        var bytes = 0
        while true {
            let message = try await receive()
            switch message.tag {
            case LDAPMessage.searchResultEntry:
                bytes += message.content.count
                names.append(try BERElement(message.tag, message.content).elements().first?.text ?? "")
            case LDAPMessage.searchResultDone:
                let result = try LDAPResult(message)
                guard result.code == LDAPResult.success else { throw LDAPError.refused(what: "search", result) }
                return (names, bytes)
            default: break
            }
        }
    }

    mutating func unbind() async throws {
        try await send(BERElement(LDAPMessage.unbindRequest, []))
    }

    private mutating func send(_ operation: BERElement) async throws {
        lastIdentifier += 1
        try await outbound.write(LDAPMessage.encoded(lastIdentifier, operation))
    }

    private mutating func receive(_ tag: UInt8? = nil) async throws -> LDAPMessage {
        guard let message = try await inbound.next() else { throw LDAPError.closed }
        guard message.identifier == lastIdentifier, message.tag == tag ?? message.tag else {
            throw LDAPError.malformed("an answer to something else")
        }
        return message
    }
}

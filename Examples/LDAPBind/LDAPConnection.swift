import LDAP
import NIOCore

/// A connection to an LDAP server that has bound.
struct LDAPConnection {
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    var inbound: NIOAsyncChannelInboundStream<LDAPMessage>.AsyncIterator
    /// Beyond those of the bind.
    private var lastIdentifier: Int32 = 100

    init(_ inbound: NIOAsyncChannelInboundStream<LDAPMessage>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// Returns the names of the entries below a base, and their size in bytes.
    mutating func search(base: String, attributes: [String]) async throws -> (names: [String], bytes: Int) {
        try await send(LDAPMessage.search(base: base, attributes: attributes))
        var names: [String] = []
        var bytes = 0
        while true {
            guard let message = try await inbound.next() else { throw LDAPError.closed }
            guard message.identifier == lastIdentifier else {
                throw LDAPError.malformed("an answer to another request")
            }
            switch message.tag {
            case LDAPMessage.searchResultEntry:
                bytes += message.content.count
                names.append(try message.elements().first?.text ?? "")
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
        try await outbound.write(ByteBuffer(bytes: LDAPMessage.encoded(lastIdentifier, operation)))
    }
}

import NIOCore

/// Takes LDAP's messages off a stream of bytes.
struct LDAPMessageDecoder: ByteToMessageDecoder {
    typealias InboundOut = LDAPMessage

    /// Checked before a message is buffered.
    static let maximumLength = 1 << 24

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let header = try BERElement.header(buffer.readableBytesView) else { return .needMoreData }
        guard header.tag == BERElement.sequence, header.length <= Self.maximumLength else {
            throw LDAPError.malformed("no message, or one of \(header.length) bytes")
        }
        guard buffer.readableBytes >= header.headerLength + header.length else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: header.headerLength)
        let content = buffer.readBytes(length: header.length) ?? []
        context.fireChannelRead(wrapInboundOut(try LDAPMessage(BERElement(header.tag, content))))
        return .continue
    }
}

/// `LDAPMessage` (RFC 4511 section 4.1.1), without controls.
struct LDAPMessage: Sendable {
    static let bindRequest: UInt8 = 0x60
    static let bindResponse: UInt8 = 0x61
    static let unbindRequest: UInt8 = 0x42
    static let searchRequest: UInt8 = 0x63
    static let searchResultEntry: UInt8 = 0x64
    static let searchResultDone: UInt8 = 0x65

    var identifier: Int32
    /// The operation's tag, and what stands in it.
    var tag: UInt8
    var content: [UInt8]

    init(_ element: BERElement) throws {
        let parts = try element.elements()
        guard parts.count >= 2 else { throw LDAPError.malformed("a message of \(parts.count) parts") }
        identifier = try parts[0].number()
        (tag, content) = (parts[1].tag, parts[1].content)
    }

    static func encoded(_ identifier: Int32, _ operation: BERElement) -> ByteBuffer {
        ByteBuffer(bytes: BERElement(of: [BERElement(number: identifier), operation]).encoded)
    }

    /// `BindRequest` with `SaslCredentials` (section 4.2). Empty credentials are not the same as none.
    static func bind(mechanism: String, credentials: [UInt8]?) -> BERElement {
        var sasl = [BERElement(text: mechanism)]
        if let credentials { sasl.append(BERElement(BERElement.octetString, credentials)) }
        // Version 3, and no name: who it is, the mechanism tells.
        return BERElement(bindRequest, of: [BERElement(number: 3), BERElement(text: ""), BERElement(0xA3, of: sasl)])
    }

    /// `SearchRequest` (section 4.5.1) for everything below a base.
    static func search(base: String, attributes: [String]) -> BERElement {
        let (subtree, neverDereference, noLimit): (Int32, Int32, Int32) = (2, 0, 0)
        return BERElement(
            searchRequest,
            of: [
                BERElement(text: base), BERElement(BERElement.enumerated, number: subtree),
                BERElement(BERElement.enumerated, number: neverDereference), BERElement(number: noLimit),
                BERElement(number: noLimit), BERElement(0x01, [0x00]), BERElement(0x87, text: "objectClass"),
                BERElement(of: attributes.map { BERElement(text: $0) }),
            ])
    }
}

/// `LDAPResult` (section 4.1.9), and of a bind's response the server's credentials.
struct LDAPResult {
    static let success: Int32 = 0
    static let saslBindInProgress: Int32 = 14

    var code: Int32
    var diagnostic: String
    var serverSaslCredentials: [UInt8]?

    init(_ message: LDAPMessage) throws {
        let parts = try BERElement(message.tag, message.content).elements()
        guard parts.count >= 3 else { throw LDAPError.malformed("a result of \(parts.count) parts") }
        code = try parts[0].number()
        diagnostic = parts[2].text
        serverSaslCredentials = parts.dropFirst(3).first { $0.tag == 0x87 }?.content
    }
}

enum LDAPError: Error, CustomStringConvertible {
    case malformed(String)
    case refused(what: String, LDAPResult)
    case closed
    case tooEarly
    case stepsMayBlock

    var description: String {
        switch self {
        case .malformed(let what): "the server's message is malformed: \(what)"
        case .refused(let what, let result): "the server refused the \(what): \(result.code) \(result.diagnostic)"
        case .closed: "the server has closed the connection"
        case .tooEarly: "the server says that the bind is done, before it has proven who it is"
        case .stepsMayBlock: "steps with these credentials may wait for a KDC, and the event loop must not"
        }
    }
}

package import NIOCore

/// Splits a stream of bytes into LDAP messages.
package struct LDAPMessageDecoder: ByteToMessageDecoder {
    package typealias InboundOut = LDAPMessage

    package init() {}

    package mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let message = try LDAPMessage.next(of: &buffer) else { return .needMoreData }
        context.fireChannelRead(wrapInboundOut(message))
        return .continue
    }
}

/// `LDAPMessage` (RFC 4511 section 4.1.1), without controls.
package struct LDAPMessage: Sendable {
    package static let bindRequest: UInt8 = 0x60
    package static let bindResponse: UInt8 = 0x61
    package static let unbindRequest: UInt8 = 0x42
    package static let searchRequest: UInt8 = 0x63
    package static let searchResultEntry: UInt8 = 0x64
    package static let searchResultDone: UInt8 = 0x65
    package static let extendedRequest: UInt8 = 0x77
    package static let extendedResponse: UInt8 = 0x78

    /// Checked before a message is buffered.
    private static let maximumLength = 1 << 24

    package var identifier: Int32
    /// The operation's tag, and its content.
    package var tag: UInt8
    package var content: [UInt8]
    /// Whether bytes follow it.
    package var isFollowed = false

    private init(_ element: BERElement) throws {
        let parts = try element.elements()
        guard parts.count >= 2 else { throw LDAPError.malformed("a message of \(parts.count) parts") }
        identifier = try parts[0].number()
        (tag, content) = (parts[1].tag, parts[1].content)
    }

    /// Removes a message from the received bytes; `nil` if it is incomplete.
    package static func next(of buffer: inout ByteBuffer) throws -> LDAPMessage? {
        guard let header = try BERElement.header(buffer.readableBytesView) else { return nil }
        guard header.tag == BERElement.sequence, header.length <= maximumLength else {
            throw LDAPError.malformed("not a message, or a message of \(header.length) bytes")
        }
        guard buffer.readableBytes >= header.headerLength + header.length else { return nil }
        buffer.moveReaderIndex(forwardBy: header.headerLength)
        var message = try LDAPMessage(BERElement(header.tag, buffer.readBytes(length: header.length) ?? []))
        message.isFollowed = buffer.readableBytes > 0
        return message
    }

    package static func encoded(_ identifier: Int32, _ operation: BERElement) -> [UInt8] {
        BERElement(of: [BERElement(number: identifier), operation]).encoded
    }

    package func elements() throws -> [BERElement] { try BERElement(tag, content).elements() }

    /// `BindRequest` with `SaslCredentials` (section 4.2). Empty credentials are not the same as none.
    package static func bind(mechanism: String, credentials: [UInt8]?) -> BERElement {
        var sasl = [BERElement(text: mechanism)]
        if let credentials { sasl.append(BERElement(BERElement.octetString, credentials)) }
        // Version 3, and no name: the mechanism authenticates the client.
        return BERElement(bindRequest, of: [BERElement(number: 3), BERElement(text: ""), BERElement(0xA3, of: sasl)])
    }

    /// `SearchRequest` (section 4.5.1) for everything below a base.
    package static func search(base: String, attributes: [String]) -> BERElement {
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
package struct LDAPResult: Sendable {
    package static let success: Int32 = 0
    package static let protocolError: Int32 = 2
    package static let authMethodNotSupported: Int32 = 7
    package static let confidentialityRequired: Int32 = 13
    package static let saslBindInProgress: Int32 = 14
    package static let invalidCredentials: Int32 = 49
    package static let unwillingToPerform: Int32 = 53

    package var code: Int32
    package var diagnostic = ""
    package var serverSaslCredentials: [UInt8]?

    package init(_ code: Int32, _ diagnostic: String = "", serverSaslCredentials: [UInt8]? = nil) {
        self.code = code
        self.diagnostic = diagnostic
        self.serverSaslCredentials = serverSaslCredentials
    }

    package init(_ message: LDAPMessage) throws {
        let parts = try message.elements()
        guard parts.count >= 3 else { throw LDAPError.malformed("a result of \(parts.count) parts") }
        code = try parts[0].number()
        diagnostic = parts[2].text
        serverSaslCredentials = parts.dropFirst(3).first { $0.tag == 0x87 }?.content
    }

    /// - Parameter others: The fields after the result, for this kind of response.
    package func element(_ tag: UInt8, _ others: [BERElement] = []) -> BERElement {
        var parts = [
            BERElement(BERElement.enumerated, number: code), BERElement(text: ""), BERElement(text: diagnostic),
        ]
        if let serverSaslCredentials { parts.append(BERElement(0x87, serverSaslCredentials)) }
        return BERElement(tag, of: parts + others)
    }
}

package enum LDAPError: Error, CustomStringConvertible {
    case malformed(String)
    case refused(what: String, LDAPResult)
    case closed
    case tooEarly
    case stepsMayBlock

    package var description: String {
        switch self {
        case .malformed(let what): "the peer's message is malformed: \(what)"
        case .refused(let what, let result): "the server refused the \(what): \(result.code) \(result.diagnostic)"
        case .closed: "the server has closed the connection"
        case .tooEarly: "the server reported a successful bind before it proved its identity"
        case .stepsMayBlock: "steps with these credentials may wait for a KDC, and the event loop must not"
        }
    }
}

package import NIOCore

/// The reply to a command: all of the message is checked except the content of its body, which is unchanged.
///
/// The decoder of the body bounds it. Document sequences, which no reply to our commands has, are read and dropped.
package struct WireReply: Sendable, Hashable {
    /// The request that it answers.
    package var responseTo: Int32
    /// The body: a document whose length is that of the bytes.
    package var body: [UInt8]

    package init(responseTo: Int32, body: [UInt8]) {
        self.responseTo = responseTo
        self.body = body
    }

    /// Extracts the body from a buffer whose readable bytes are exactly one message.
    /// - Throws: `WireError`; with code `malformedReply` for a message that is not a reply to a command.
    package init(decoding buffer: ByteBuffer, limits: WireLimits = .default) throws(WireError) {
        let header = try MessageHeader(of: buffer, limits: limits)
        var reader = MessageReader(message: buffer, limits: limits)
        responseTo = header.responseTo
        switch header.opCode {
        case .message:
            let (flags, body, _) = try WireOpMessage.sections(of: &reader) { reader throws(WireError) in
                try reader.readDocumentBytes()
            }
            guard !flags.contains(.moreToCome) else {
                throw WireError(.malformedReply, "The server announced further replies, which were not requested.")
            }
            self.body = body
        case .reply:
            let (_, _, _, documents) = try WireOpReply.fields(of: &reader) { reader throws(WireError) in
                try reader.readDocumentBytes()
            }
            guard let document = documents.first, documents.count == 1 else {
                throw WireError(
                    .malformedReply, "The server's OP_REPLY has \(documents.count) documents where a reply has 1.")
            }
            body = document
        case .query:
            throw WireError(.malformedReply, "The server sent a query instead of a reply.", offset: 12)
        default:
            throw header.unsupported
        }
    }
}

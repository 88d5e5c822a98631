import NIOCore
import SaslBSON
import SaslWire

/// Makes the bytes of one step's message, damaged where the misbehaviour says so.
struct FrameBuilder {
    private typealias Damage = Misbehaviour.FrameDamage

    private let damage: Misbehaviour.FrameDamage?
    private let flags: UInt32
    private let isReply: Bool

    /// - Parameter isReply: Whether it answers an OP_QUERY, with an OP_REPLY.
    init(_ misbehaviour: Misbehaviour, _ step: Misbehaviour.Step, isReply: Bool = false) {
        if case .frame(let damage, step) = misbehaviour {
            self.damage = damage
        } else {
            damage = nil
        }
        self.isReply = isReply || misbehaviour == .oddity(.ancientServer)
        switch misbehaviour {
        case .oddity(.checksums), .frame(.badChecksum, step): flags = 1
        case .frame(.moreToCome, step): flags = 1 << 1
        case .frame(.unknownRequiredFlag, step): flags = 1 << 2
        case .oddity(.optionalFlags): flags = 1 << 16 | 1 << 31
        default: flags = 0
        }
    }

    func bytes(of reply: BSONDocument, to request: MessageHeader) -> [UInt8] {
        let document = damagedDocument(reply)
        let responseTo = damage == .wrongResponseTo ? request.requestID &+ 1 : request.requestID
        switch damage {
        case .unknownOpcode: return frame(2014, body(document), responseTo)
        case .compressed:
            let content = body(document)
            return frame(2012, Self.little(2013) + Self.little(content.count) + [0] + content, responseTo)
        case .query:
            let name = Array("admin.$cmd".utf8) + [0]
            return frame(2004, Self.little(0) + name + Self.little(0) + Self.little(1) + document, responseTo)
        case .noBody: return frame(2013, Self.little(flags), responseTo)
        case .twoBodies: return frame(2013, body(document) + [0] + document, responseTo)
        case .unknownSection: return frame(2013, body(document) + [2] + document, responseTo)
        case .lengthZero: return patched(frame(2013, body(document), responseTo), Self.little(0), at: 0)
        case .lengthFifteen: return patched(frame(2013, body(document), responseTo), Self.little(15), at: 0)
        case .lengthNegative: return patched(frame(2013, body(document), responseTo), Self.little(-1), at: 0)
        case .lengthOverLimit: return patched(frame(2013, body(document), responseTo), Self.little(2 << 20 + 1), at: 0)
        case .lengthMaximum: return patched(frame(2013, body(document), responseTo), Self.little(0x7FFF_FFFF), at: 0)
        case .badChecksum:
            var bytes = honest(reply, responseTo)
            if let last = bytes.indices.last { bytes[last] ^= 1 }
            return bytes
        // The library's own encoder knows how to compute a checksum.
        case nil where flags == 1: return honest(reply, responseTo)
        // OP_REPLY: flags, cursor, start and the number of documents.
        case nil where isReply:
            return frame(1, Self.little(8) + [UInt8](repeating: 0, count: 12) + Self.little(1) + document, responseTo)
        default: return frame(2013, body(document), responseTo)
        }
    }

    private func honest(_ reply: BSONDocument, _ responseTo: Int32) -> [UInt8] {
        let message = WireOpMessage(body: reply, flags: WireOpMessage.Flags(rawValue: flags))
        let bytes = try? WireMessage.message(message).encoded(requestID: 1, responseTo: responseTo)
        return bytes.map { Array($0.readableBytesView) } ?? []
    }

    private func body(_ document: [UInt8]) -> [UInt8] {
        Self.little(flags) + [0] + document
    }

    private func frame(_ opcode: Int, _ content: [UInt8], _ responseTo: Int32) -> [UInt8] {
        Self.little(16 + content.count) + Self.little(1) + Self.little(Int(responseTo)) + Self.little(opcode) + content
    }

    private func damagedDocument(_ reply: BSONDocument) -> [UInt8] {
        var reply = reply
        // Something whose bytes are found again.
        let mark: [UInt8] = [0x02, 0x7A, 0x00, 0x05, 0, 0, 0] + Array("zzzz".utf8) + [0]
        if damage == .invalidUTF8 || damage == .unknownType { reply.append("z", "zzzz") }
        if damage == .nestedTooDeep {
            reply.append("z", .document((0..<300).reduce(BSONDocument()) { inner, _ in ["z": .document(inner)] }))
        }
        let bytes = (try? reply.encoded(limits: BSONLimits(maximumNestingDepth: 1000))) ?? []
        let place = bytes.indices.first { bytes[$0...].starts(with: mark) } ?? 0
        switch damage {
        case .documentTooLong: return patched(bytes, Self.little(bytes.count + 1), at: 0)
        case .documentUnterminated: return patched(bytes, [1], at: bytes.count - 1)
        case .unknownType: return patched(bytes, [0x42], at: place)
        case .invalidUTF8: return patched(bytes, [0xC3, 0x28], at: place + 7)
        default: return bytes
        }
    }

    private func patched(_ bytes: [UInt8], _ patch: [UInt8], at offset: Int) -> [UInt8] {
        Array(bytes[..<offset]) + patch + Array(bytes[(offset + patch.count)...])
    }

    private static func little(_ number: some BinaryInteger) -> [UInt8] {
        let bits = UInt32(truncatingIfNeeded: number)
        return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) }
    }
}

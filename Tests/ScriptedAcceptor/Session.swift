import NIOCore
import SaslBSON
import SaslWire

/// One client's connection.
final class Session {
    private let socket: Socket
    private let misbehaviour: Misbehaviour
    private let recorder: Recorder
    private var conversation: Conversation
    private var decoder = WireMessageDecoder()
    private var received = ByteBuffer()

    init(socket: Socket, misbehaviour: Misbehaviour, keytab: String, recorder: Recorder, members: Members?) {
        self.socket = socket
        self.misbehaviour = misbehaviour
        self.recorder = recorder
        conversation = Conversation(misbehaviour: misbehaviour, keytab: keytab, recorder: recorder, members: members)
    }

    func run() {
        if case .stranger(let stranger) = misbehaviour, stranger.isForeign {
            behave(as: stranger)
        } else {
            while let (frame, command) = nextCommand(), answer(command, frame) {}
        }
    }

    /// Sends the reply; false when the connection is to be closed.
    private func answer(_ command: BSONDocument, _ frame: WireFrame) -> Bool {
        let (step, document) = conversation.reply(to: command)
        guard let step else {
            socket.write(bytes(of: document, to: frame.header))
            return true
        }
        let reply = ReplyDamage(misbehaviour, step).applied(to: document)
        let isReply = if case .query = frame.message { true } else { false }
        let bytes = FrameBuilder(misbehaviour, step, isReply: isReply).bytes(of: reply, to: frame.header)
        if case .failure(let failure, step) = misbehaviour {
            switch failure {
            case .error:
                let error = step == .hello || step == .identity ? Replies.unauthorized : Replies.authenticationFailed
                socket.write(self.bytes(of: error, to: frame.header))
                return true
            case .close:
                return false
            case .silence:
                socket.waitForEnd()
                return false
            case .closeInMessage:
                socket.write(bytes.dropLast(7))
                return false
            case .silenceInMessage:
                socket.write(bytes.dropLast(7))
                socket.waitForEnd()
                return false
            }
        }
        if misbehaviour == .oddity(.singleBytes) {
            for byte in bytes { socket.write([byte]) }
        } else {
            socket.write(bytes)
        }
        return true
    }

    private func bytes(of document: BSONDocument, to request: MessageHeader) -> [UInt8] {
        let kind: Misbehaviour = misbehaviour == .oddity(.ancientServer) ? misbehaviour : .none
        return FrameBuilder(kind, .hello).bytes(of: document, to: request)
    }

    /// Nil at the end, and for what comes in the wrong kind of message.
    private func nextCommand() -> (WireFrame, BSONDocument)? {
        guard let frame = nextFrame() else { return nil }
        switch frame.message {
        case .message(let message) where misbehaviour != .oddity(.ancientServer):
            return (frame, message.body)
        case .query(let query) where misbehaviour == .oddity(.ancientServer) || takes(query):
            var command = query.query
            command["$db"] = .string(String(query.fullCollectionName.split(separator: ".").first ?? ""))
            return (frame, command)
        default:
            return nil
        }
    }

    /// Servers of today take the first hello of other drivers in an old message. Where nobody asks other drivers, it must not be
    /// a way around what the server does.
    private func takes(_ query: WireOpQuery) -> Bool {
        let isForOthers = [
            .stranger(.arbiter), .stranger(.behindLoadBalancer), .oddity(.strangeMembers), .oddity(.noConnectionStatus),
        ].contains(misbehaviour)
        return isForOthers && query.query.first?.key.lowercased() == "ismaster"
    }

    private func nextFrame() -> WireFrame? {
        while true {
            do {
                if let frame = try decoder.decode(buffer: &received) { return frame }
            } catch {
                return nil
            }
            let bytes = socket.read()
            guard !bytes.isEmpty else { return nil }
            received.writeBytes(bytes)
        }
    }

    private func behave(as stranger: Misbehaviour.Stranger) {
        switch stranger {
        case .httpServer:
            _ = socket.read()
            socket.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
        case .randomBytes:
            // Always the same ones, so that a failure can be repeated; the length they begin with is no possible one.
            var state: UInt64 = 0x9E37_79B9_7F4A_7C15
            let bytes = (0..<4096).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
            socket.write(bytes)
            socket.waitForEnd()
        case .zeroBytes:
            socket.write([UInt8](repeating: 0, count: 4096))
            socket.waitForEnd()
        case .neverSpeaks:
            socket.waitForEnd()
        case .closesAtOnce:
            break
        case .arbiter, .behindLoadBalancer, .demandsAPIVersion: break
        case .handshakeOnly:
            while let frame = nextFrame(), case .query(let query) = frame.message {
                let knows = query.query.first?.key.lowercased() == "ismaster"
                let reply = knows ? Replies.ancientHello : Replies.ancientNoSuchCommand
                socket.write(FrameBuilder(.oddity(.ancientServer), .hello).bytes(of: reply, to: frame.header))
            }
        }
    }
}

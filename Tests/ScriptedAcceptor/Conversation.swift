import Foundation
import GSSCore
import GSSKerberos
import SaslBSON

/// The server's side of one authentication: commands in, replies out.
///
/// The honest way is in the methods named after the steps; each asks ``misbehaviour`` where it may depart from it.
struct Conversation {
    private enum State {
        case idle
        case awaitingEmptyResponse(GSSEstablishedContext, token: [UInt8])
        case awaitingAnswer(GSSEstablishedContext)
        /// Nothing is left to say but that it is done.
        case awaitingEmptyResponseAtEnd
        case over
    }

    private let misbehaviour: Misbehaviour
    private let keytab: String
    private let recorder: Recorder
    private let members: Members?
    /// Whether the client's payloads are text in base 64, as those of PyMongo are: replies are like that, then.
    private var sendsText = false
    private var state = State.idle
    private var user: String?

    init(misbehaviour: Misbehaviour, keytab: String, recorder: Recorder, members: Members?) {
        self.members = members
        self.misbehaviour = misbehaviour
        self.keytab = keytab
        self.recorder = recorder
    }

    private var fault: Misbehaviour.MechanismFault? {
        if case .mechanism(let fault) = misbehaviour { fault } else { nil }
    }

    /// The reply, and which step of an honest conversation it belongs to.
    mutating func reply(to command: BSONDocument) -> (Misbehaviour.Step?, BSONDocument) {
        let name = command.first?.key ?? ""
        let text = command["payload"]?.stringValue
        sendsText = sendsText || text != nil
        let payload =
            text.flatMap { Data(base64Encoded: $0) }.map { BSONBinary(bytes: Array($0)) }
            ?? command["payload"]?.binaryValue
        if name.hasPrefix("sasl") {
            recorder.record(
                .init(
                    kind: name, database: command["$db"]?.stringValue, mechanism: command["mechanism"]?.stringValue,
                    payloadType: payload.map { "binary \($0.subtype)" },
                    bytes: payload.map { Recorder.hexadecimal($0.bytes) }))
        }
        switch name {
        case "hello" where misbehaviour == .oddity(.helloUnknown):
            return (nil, Replies.noSuchCommand)
        case "hello" where misbehaviour == .oddity(.ancientServer):
            return (nil, Replies.ancientNoSuchCommand)
        case "isMaster" where misbehaviour == .oddity(.ancientServer):
            return (.hello, Replies.ancientHello)
        case "hello", "isMaster", "ismaster":
            if let refusal = Replies.refusal(of: command, misbehaviour) { return (.hello, refusal) }
            var hello = Replies.hello(misbehaviour)
            members?.fill(&hello)
            // A day ahead, whatever the true time is.
            if fault == .errorOfClocksWithTime { hello["localTime"] = .datetime(KerberosErrorMessage.tomorrow) }
            return (.hello, hello)
        case "saslStart":
            return begin(payload?.bytes ?? [])
        case "saslContinue" where command["conversationId"]?.integerValue == 1:
            return proceed(payload?.bytes ?? [])
        case "connectionStatus" where misbehaviour == .oddity(.noConnectionStatus):
            return (.identity, Replies.noSuchCommand)
        case "connectionStatus" where misbehaviour == .oddity(.emptyConnectionStatus):
            return (.identity, ["ok": 1.0])
        case "connectionStatus" where misbehaviour == .oddity(.poorConnectionStatus):
            return (.identity, ["authInfo": ["authenticatedUsers": [["user": .string(user ?? "")]]], "ok": 1.0])
        case "connectionStatus":
            let name = misbehaviour == .oddity(.otherUserName) ? "somebody@ELSEWHERE.TEST" : user
            let users = fault == .nobodyAuthenticated ? [] : [name].compactMap(\.self)
            return (.identity, Replies.connectionStatus(users: users))
        case "saslContinue":
            return (nil, Replies.outOfOrder)
        case "ping" where user != nil:
            return (nil, ["ok": 1.0])
        default:
            return (nil, Replies.noSuchCommand)
        }
    }

    /// saslStart: the context token.
    private mutating func begin(_ token: [UInt8]) -> (Misbehaviour.Step?, BSONDocument) {
        switch fault {
        case .unavailable:
            return (
                .token,
                [
                    "ok": 0.0, "errmsg": "Received authentication for mechanism GSSAPI which is not enabled",
                    "code": 334, "codeName": "MechanismUnavailable",
                ]
            )
        case .unavailableInOldWords:
            return (
                .token,
                ["ok": 0.0, "errmsg": "Unsupported mechanism GSSAPI", "code": 2, "codeName": "BadValue"]
            )
        default:
            break
        }
        guard let (context, proof) = accept(token) else { return (nil, Replies.authenticationFailed) }
        recorder.record(
            .init(kind: "context", flags: context.flags.rawValue, initiator: (try? context.initiatorName()) ?? ""))
        state = .awaitingEmptyResponse(context, token: token)
        switch fault {
        case .doneAtOnce: return (.token, saslReply(proof, done: true))
        case .doneAtOnceWithoutToken: return (.token, saslReply([], done: true))
        case .tamperedToken: return (.token, saslReply(Self.tampered(proof)))
        case .truncatedToken: return (.token, saslReply(Array(proof.dropLast(proof.count / 2))))
        case .emptyToken: return (.token, saslReply([]))
        case .reflectedToken: return (.token, saslReply(token))
        case .errorOfClocks, .errorOfClocksWithTime: return (.token, saslReply(KerberosErrorMessage.token(37)))
        case .errorOfKeyVersion: return (.token, saslReply(KerberosErrorMessage.token(44)))
        case .errorOfMissingKey: return (.token, saslReply(KerberosErrorMessage.token(45)))
        case .tokenOfAnotherContext: return (.token, saslReply(accept(token)?.proof ?? []))
        case .tokenTooLarge: return (.token, saslReply([UInt8](repeating: 0x60, count: 1 << 20 + 1)))
        case .withoutMutualAuthentication:
            // What a client gets that did not ask for the server's proof: the offer, at once.
            state = .awaitingAnswer(context)
            return (.token, saslReply(offer(context, token)))
        default: return (.token, saslReply(proof))
        }
    }

    private mutating func proceed(_ payload: [UInt8]) -> (Misbehaviour.Step?, BSONDocument) {
        switch state {
        case .awaitingEmptyResponse(let context, let token):
            state = .awaitingAnswer(context)
            switch fault {
            case .doneBeforeLayer: return (.offer, saslReply(offer(context, token), done: true))
            case .doneBeforeLayerWithoutToken: return (.offer, saslReply([], done: true))
            default: return (.offer, saslReply(offer(context, token)))
            }
        case .awaitingAnswer(let context):
            guard let answer = try? context.unwrap(payload), answer.bytes.count >= 4 else {
                return (nil, Replies.authenticationFailed)
            }
            recorder.record(
                .init(kind: "clear", bytes: Recorder.hexadecimal(answer.bytes), isConfidential: answer.isConfidential))
            user = String(decoding: answer.bytes.dropFirst(4), as: UTF8.self)
            guard fault != .neverDone, misbehaviour != .oddity(.outcomeOneReplyLater) else {
                state = .awaitingEmptyResponseAtEnd
                return (.outcome, saslReply([]))
            }
            state = .over
            return (.outcome, saslReply(fault == .finalPayload ? [1] : [], done: true))
        case .awaitingEmptyResponseAtEnd:
            return (nil, saslReply([], done: fault != .neverDone))
        case .idle, .over:
            return (nil, Replies.outOfOrder)
        }
    }

    /// A context for the client's token. The same token gives contexts with different keys: each has a key of its own
    /// from the acceptor. There is no replay cache that would notice.
    private func accept(_ token: [UInt8]) -> (context: GSSEstablishedContext, proof: [UInt8])? {
        do {
            let store = KerberosCredentialStore(keytab: keytab, replayCache: "none:")
            let provider = KerberosProvider(credential: try KerberosCredential(usage: .accept, store: store))
            switch try provider.makeAcceptor().step(token) {
            case .established(let context, let proof): return (context, proof ?? [])
            case .pending: return nil
            }
        } catch {
            return nil
        }
    }

    /// The wrapped offer of security layers (RFC 4752 section 3.1).
    private func offer(_ context: GSSEstablishedContext, _ token: [UInt8]) -> [UInt8] {
        func wrapped(_ message: [UInt8], confidential: Bool = false) -> [UInt8] {
            (try? context.wrap(message, confidential: confidential).bytes) ?? []
        }
        let honest: [UInt8] = [1, 0, 0, 0]
        if misbehaviour == .oddity(.allLayersOffered) { return wrapped([7, 0, 0xFF, 0xFF]) }
        switch fault {
        case .offerEmpty: return []
        case .offerOf0: return wrapped([])
        case .offerOf3: return wrapped([1, 0, 0])
        case .offerOf5: return wrapped([1, 0, 0, 0, 0])
        case .offerOf4096: return wrapped([1] + [UInt8](repeating: 0, count: 4095))
        case .layers0: return wrapped([0, 0, 0, 0])
        case .layers2: return wrapped([2, 0, 0xFF, 0xFF])
        case .layers4: return wrapped([4, 0, 0xFF, 0xFF])
        case .layers6: return wrapped([6, 0, 0xFF, 0xFF])
        case .sizeWithoutLayer: return wrapped([1, 0xFF, 0xFF, 0xFF])
        case .offerNotWrapped: return honest
        case .offerOfAnotherKey: return (try? accept(token)?.context.wrap(honest, confidential: false).bytes) ?? []
        case .offerConfidential: return wrapped(honest, confidential: true)
        case .offerTampered: return Self.tampered(wrapped(honest))
        case .offerReflected: return token
        default: return wrapped(honest)
        }
    }

    private func saslReply(_ payload: [UInt8], done: Bool = false) -> BSONDocument {
        let value: BSONValue =
            if sendsText || misbehaviour == .oddity(.base64Payloads) {
                .string(Data(payload).base64EncodedString())
            } else {
                .binary(BSONBinary(bytes: payload))
            }
        return ["conversationId": 1, "done": .bool(done), "payload": value, "ok": 1.0]
    }

    /// The token with one bit of its last byte, which is part of what proves it, turned around.
    private static func tampered(_ token: [UInt8]) -> [UInt8] {
        var token = token
        if let last = token.indices.last { token[last] ^= 1 }
        return token
    }
}

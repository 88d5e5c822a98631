import GSSCore
import Synchronization

/// Protects messages in a transparent way that still detects every manipulation: a mark for encryption,
/// a number, a checksum under a key, and the content, which is masked where it is encrypted.
///
/// Each side of a context has one. Numbers count in each direction from 0.
struct FakeProtection {
    static let overhead = 1 + 4 + 8

    var key: UInt8
    var isInitiator: Bool
    /// Without encryption a request for it is answered by less.
    var canEncrypt = true
    private var sent: UInt32 = 0
    private var expected: UInt32 = 0

    init(key: UInt8, isInitiator: Bool, canEncrypt: Bool = true) {
        self.key = key
        self.isInitiator = isInitiator
        self.canEncrypt = canEncrypt
    }

    mutating func wrap(_ message: [UInt8], confidential: Bool) -> GSSWrappedMessage {
        let isEncrypted = confidential && canEncrypt
        let number = sent
        sent += 1
        var bytes: [UInt8] = [isEncrypted ? 1 : 0]
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        bytes += checksum(message, number, isEncrypted, fromInitiator: isInitiator)
        bytes += isEncrypted ? message.map { $0 ^ key } : message
        return GSSWrappedMessage(bytes: bytes, isConfidential: isEncrypted)
    }

    mutating func unwrap(_ bytes: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        guard bytes.count >= Self.overhead, bytes[0] <= 1 else {
            throw GSSError(call: "fake_unwrap", major: GSSMajorStatus(.defectiveToken), minorMessages: ["not wrapped"])
        }
        let isEncrypted = bytes[0] == 1
        let number = bytes[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
        let content = bytes[Self.overhead...].map { isEncrypted ? $0 ^ key : $0 }
        guard checksum(content, number, isEncrypted, fromInitiator: !isInitiator).elementsEqual(bytes[5..<13]) else {
            throw GSSError(call: "fake_unwrap", major: GSSMajorStatus(.badSignature), minorMessages: ["wrong checksum"])
        }
        let information: GSSMajorStatus.Information =
            if number == expected { [] } else if number < expected { .duplicateToken } else { .gapToken }
        expected = max(expected, number + 1)
        return GSSUnwrappedMessage(bytes: content, isConfidential: isEncrypted, information: information)
    }

    /// FNV-1a over everything that must not be changed.
    private func checksum(
        _ content: [UInt8], _ number: UInt32, _ isEncrypted: Bool, fromInitiator: Bool
    ) -> [UInt8] {
        let header =
            [key, isEncrypted ? 1 : 0, fromInitiator ? 1 : 0]
            + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        let hash = (header + content).reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) }
    }
}

/// What a scripted context is to do.
struct FakeScript: Sendable {
    /// What the context gives for its first token, then for each of the peer's.
    var progress: [Result<GSSContextProgress, GSSError>]
    /// What the context turns out to have; `nil` grants what was asked for.
    var granted: GSSContextFlags?
    var key: UInt8 = 0x5a
    var canEncrypt = true
    var initiator = "ann@EXAMPLE.COM"
    var inquiryError: GSSError?
    var nameError: GSSError?
    var wrapError: GSSError?
    var sizeLimitError: GSSError?

    /// Two tokens from the client and one from the server, as Kerberos has it, but for a last token that is `nil`.
    static let kerberos = FakeScript(progress: [
        .success(.init(token: Array("AP-REQ".utf8), isComplete: false)), .success(.init(token: nil, isComplete: true)),
    ])
}

/// One side of a context, by a script.
final class FakeContext: GSSContextHandle {
    private var script: FakeScript
    private let requested: GSSContextFlags
    private let log: FakeLog
    private var protection: FakeProtection

    init(_ script: FakeScript, requested: GSSContextFlags, log: FakeLog, isInitiator: Bool = true) {
        self.script = script
        self.requested = requested
        self.log = log
        protection = FakeProtection(key: script.key, isInitiator: isInitiator, canEncrypt: script.canEncrypt)
        log.note { $0.made += 1 }
    }

    deinit {
        log.note { $0.released += 1 }
    }

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        log.note { $0.tokens.append(token) }
        guard !script.progress.isEmpty else {
            throw GSSError(call: "fake_establish", major: GSSMajorStatus(.failure), minorMessages: ["unexpected token"])
        }
        var progress = try script.progress.removeFirst().get()
        progress.flags = script.granted ?? requested
        return progress
    }

    func initiatorName() throws(GSSError) -> String {
        log.note { $0.inquiries.append("name") }
        if let error = script.nameError { throw error }
        return script.initiator
    }

    func inquire() throws(GSSError) -> GSSContextInfo {
        log.note { $0.inquiries.append("all") }
        if let error = script.inquiryError { throw error }
        return GSSContextInfo(
            flags: script.granted ?? requested, lifetime: nil, initiatorName: "ann@EXAMPLE.COM",
            acceptorName: "mongodb/db.example.com@EXAMPLE.COM", mechanism: .kerberos5,
            isInitiator: protection.isInitiator)
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        if let error = script.wrapError { throw error }
        return protection.wrap(message, confidential: confidential)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        try protection.unwrap(message)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 {
        if let error = script.sizeLimitError { throw error }
        let overhead = UInt32(FakeProtection.overhead)
        return outputLength < overhead ? 0 : outputLength - overhead
    }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] {
        throw GSSError(call: "fake_mic", major: GSSMajorStatus(.unavailable))
    }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        throw GSSError(call: "fake_mic", major: GSSMajorStatus(.unavailable))
    }
}

/// The calls of an exchange.
final class FakeLog: Sendable {
    struct Entries: Sendable {
        var targets: [GSSName] = []
        var flags: [GSSContextFlags] = []
        var bindings: [GSSChannelBindings?] = []
        var mechanisms: [GSSObjectIdentifier?] = []
        var tokens: [[UInt8]?] = []
        /// What was asked of the context.
        var inquiries: [String] = []
        var made = 0
        var released = 0
    }

    private let state = Mutex(Entries())

    var entries: Entries { state.withLock { $0 } }

    func note(_ change: (inout Entries) -> Void) {
        state.withLock { change(&$0) }
    }
}

/// Makes scripted contexts.
struct FakeProvider: GSSInitiatorProvider {
    var script: FakeScript
    var error: GSSError?
    var mayBlock = true
    let log = FakeLog()

    func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        log.note {
            $0.targets.append(request.target)
            $0.flags.append(request.flags)
            $0.bindings.append(request.channelBindings)
            $0.mechanisms.append(request.mechanism)
        }
        if let error { throw error }
        return GSSPendingContext(FakeContext(script, requested: request.flags, log: log))
    }
}

/// Makes scripted contexts that accept.
struct FakeAcceptor: GSSAcceptorProvider {
    var script: FakeScript
    var error: GSSError?
    let log = FakeLog()

    /// What a client that wants encryption asks for.
    static let allFlags: GSSContextFlags = [
        .mutualAuthentication, .integrity, .confidentiality, .sequenceDetection, .replayDetection,
    ]

    func makeAcceptor(_ request: GSSAcceptorRequest) throws(GSSError) -> GSSPendingContext {
        log.note { $0.bindings.append(request.channelBindings) }
        if let error { throw error }
        return GSSPendingContext(FakeContext(script, requested: Self.allFlags, log: log, isInitiator: false))
    }
}

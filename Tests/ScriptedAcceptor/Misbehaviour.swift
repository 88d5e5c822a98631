/// The one way in which a process of this program differs from an honest server.
///
/// Every value has a name for the command line; ``allCases`` is what `--list` prints.
enum Misbehaviour: Hashable, Sendable {
    /// None: an honest server.
    case none
    /// Unusual but honest. A client must succeed.
    case oddity(Oddity)
    /// Not a server of this protocol at all.
    case stranger(Stranger)
    /// No proper reply at one step.
    case failure(Failure, Step)
    /// The bytes of one step's message are damaged.
    case frame(FrameDamage, Step)
    /// The field `ok` of one step's reply is damaged.
    case outcome(OutcomeDamage, Step)
    /// Another field of one step's reply to a saslStart or saslContinue is damaged.
    case field(FieldDamage, Step)
    /// The mechanism's own rules are broken.
    case mechanism(MechanismFault)

    /// A reply in an honest conversation, in order.
    enum Step: String, CaseIterable {
        case hello
        /// To saslStart: the context token.
        case token = "sasl-start"
        /// To the first saslContinue: the offer of security layers.
        case offer = "first-continue"
        /// To the second saslContinue: the outcome.
        case outcome = "last-continue"
        case identity = "connection-status"

        static let sasl: [Step] = [.token, .offer, .outcome]
    }

    enum Oddity: String, CaseIterable {
        case okAsInt32 = "ok-int32"
        case okAsInt64 = "ok-int64"
        case okAsDouble = "ok-double"
        case okAsBool = "ok-bool"
        case singleBytes = "single-bytes"
        case checksums
        case optionalFlags = "optional-flags"
        case unknownFields = "unknown-fields"
        case base64Payloads = "base64-payloads"
        case helloUnknown = "hello-unknown"
        /// From before OP_MSG and hello: it accepts OP_QUERY and isMaster, and closes the connection on anything else.
        case ancientServer = "ancient-server"
        case allLayersOffered = "all-layers-offered"
        case outcomeOneReplyLater = "outcome-one-reply-later"
        /// A huge number of roles, with long names.
        case manyRoles = "many-roles"
        /// It knows its users by other names.
        case otherUserName = "other-user-name"
        /// It does not know connectionStatus.
        case noConnectionStatus = "no-connection-status"
        /// It knows users without databases, and no roles.
        case poorConnectionStatus = "poor-connection-status"
        /// It answers connectionStatus only with success.
        case emptyConnectionStatus = "empty-connection-status"
        /// A secondary of a set whose members' names do not resolve.
        case strangeMembers = "strange-members"
        /// It speaks old wire versions only.
        case oldWireVersions = "old-wire-versions"
    }

    enum Stranger: String, CaseIterable {
        case httpServer = "http-server"
        case randomBytes = "random-bytes"
        case zeroBytes = "zero-bytes"
        case neverSpeaks = "never-speaks"
        case closesAtOnce = "closes-at-once"
        /// A member of a replica set without data, and so without users.
        case arbiter
        /// A server behind a load balancer, which refuses clients that say nothing of that.
        case behindLoadBalancer = "behind-load-balancer"
        /// It demands that clients declare a version of its API.
        case demandsAPIVersion = "demands-api-version"
        /// It knows only isMaster in an OP_QUERY, and closes the connection on an OP_MSG.
        case handshakeOnly = "handshake-only"

        /// Whether it does not take part in the conversation at all.
        var isForeign: Bool { ![.arbiter, .behindLoadBalancer, .demandsAPIVersion].contains(self) }
    }

    enum Failure: String, CaseIterable {
        case error
        case close
        case silence
        case closeInMessage = "close-in-message"
        case silenceInMessage = "silence-in-message"
    }

    enum FrameDamage: String, CaseIterable {
        case wrongResponseTo = "wrong-response-to"
        case lengthZero = "length-0"
        case lengthFifteen = "length-15"
        case lengthNegative = "length-negative"
        case lengthMaximum = "length-maximum"
        /// More than an unauthenticated peer may send.
        case lengthOverLimit = "length-over-limit"
        case unknownOpcode = "unknown-opcode"
        case compressed
        case query = "op-query"
        case moreToCome = "more-to-come"
        case unknownRequiredFlag = "unknown-required-flag"
        case badChecksum = "bad-checksum"
        case noBody = "no-body"
        case twoBodies = "two-bodies"
        case unknownSection = "unknown-section"
        case documentTooLong = "document-too-long"
        case documentUnterminated = "document-unterminated"
        case unknownType = "unknown-type"
        case invalidUTF8 = "invalid-utf8"
        case nestedTooDeep = "nested-too-deep"
    }

    enum OutcomeDamage: String, CaseIterable {
        case okMissing = "ok-missing"
        case okTwice = "ok-twice"
        case okString = "ok-string"
        case okNull = "ok-null"
        case okDocument = "ok-document"
        case okTwo = "ok-2"
        case okNotANumber = "ok-nan"
    }

    enum FieldDamage: String, CaseIterable {
        case payloadMissing = "payload-missing"
        case payloadNull = "payload-null"
        case payloadInteger = "payload-integer"
        case payloadDocument = "payload-document"
        case payloadSubtype = "payload-subtype"
        case payloadNotBase64 = "payload-not-base64"
        case payloadTwice = "payload-twice"
        case doneMissing = "done-missing"
        case doneString = "done-string"
        case doneTwice = "done-twice"
        case conversationIDMissing = "conversation-id-missing"
        case conversationIDString = "conversation-id-string"
        case conversationIDTwice = "conversation-id-twice"
        case conversationIDWrong = "conversation-id-wrong"
    }

    enum MechanismFault: String, CaseIterable {
        case unavailable = "mechanism-unavailable"
        case unavailableInOldWords = "mechanism-unavailable-in-old-words"
        case doneAtOnce = "done-at-once"
        case doneAtOnceWithoutToken = "done-at-once-without-token"
        case doneBeforeLayer = "done-before-layer"
        case doneBeforeLayerWithoutToken = "done-before-layer-without-token"
        case tamperedToken = "tampered-token"
        case truncatedToken = "truncated-token"
        case emptyToken = "empty-token"
        case reflectedToken = "reflected-token"
        /// A Kerberos error instead of the token, which anyone could forge.
        case errorOfClocks = "error-of-clocks"
        case errorOfKeyVersion = "error-of-key-version"
        case errorOfMissingKey = "error-of-missing-key"
        /// And a greeting with a time that fits to it.
        case errorOfClocksWithTime = "error-of-clocks-with-time"
        /// A genuine one, from a second context for the same client token: that one has other keys.
        case tokenOfAnotherContext = "token-of-another-context"
        case tokenTooLarge = "token-too-large"
        case withoutMutualAuthentication = "without-mutual-authentication"
        case offerEmpty = "offer-empty"
        case offerOf0 = "offer-of-0"
        case offerOf3 = "offer-of-3"
        case offerOf5 = "offer-of-5"
        case offerOf4096 = "offer-of-4096"
        case layers0 = "layers-0"
        case layers2 = "layers-2"
        case layers4 = "layers-4"
        case layers6 = "layers-6"
        case sizeWithoutLayer = "size-without-layer"
        case offerNotWrapped = "offer-not-wrapped"
        case offerOfAnotherKey = "offer-of-another-key"
        case offerConfidential = "offer-confidential"
        case offerTampered = "offer-tampered"
        case offerReflected = "offer-reflected"
        case neverDone = "never-done"
        case finalPayload = "final-payload"
        case nobodyAuthenticated = "nobody-authenticated"
    }
}

extension Misbehaviour: CaseIterable {
    static let allCases: [Misbehaviour] = {
        var cases: [Misbehaviour] = [.none]
        cases += Oddity.allCases.map { .oddity($0) }
        cases += Stranger.allCases.map { .stranger($0) }
        cases += pairs(Failure.allCases, Step.allCases).map { .failure($0, $1) }
        cases += pairs(FrameDamage.allCases, Step.allCases).map { .frame($0, $1) }
        cases += pairs(OutcomeDamage.allCases, Step.allCases).map { .outcome($0, $1) }
        // Any number may come with the first reply: it is the one that the others have to repeat.
        cases += pairs(FieldDamage.allCases, Step.sasl).filter { $0 != .conversationIDWrong || $1 != .token }
            .map { .field($0, $1) }
        cases += MechanismFault.allCases.map { .mechanism($0) }
        return cases
    }()

    private static func pairs<First>(_ firsts: [First], _ steps: [Step]) -> [(First, Step)] {
        firsts.flatMap { first in steps.map { (first, $0) } }
    }

    /// The name on the command line.
    var name: String {
        switch self {
        case .none: "none"
        case .oddity(let oddity): oddity.rawValue
        case .stranger(let stranger): stranger.rawValue
        case .failure(let failure, let step): "\(failure.rawValue)-at-\(step.rawValue)"
        case .frame(let damage, let step): "\(damage.rawValue)-at-\(step.rawValue)"
        case .outcome(let damage, let step): "\(damage.rawValue)-at-\(step.rawValue)"
        case .field(let damage, let step): "\(damage.rawValue)-at-\(step.rawValue)"
        case .mechanism(let fault): fault.rawValue
        }
    }

    init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

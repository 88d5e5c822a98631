import Testing

/// The expected result of a check of a misbehaving server.
struct HostileExpectation: CustomTestStringConvertible {
    /// The misbehaviour's name.
    var name: String
    /// The class of the failure; `nil` is success.
    var failureClass: String?
    /// The exit status.
    var status: Int32
    /// The phase of the failure; `nil` if it is random.
    var phase: String?
    /// A part of each warning of a success.
    var warnings: [String] = []
    /// Whether the server reports the authenticated user, after a success.
    var tellsUser = true

    var testDescription: String { name }

    /// The authenticated user, according to the server; `nil` without a success.
    func user(_ principal: String) -> String? {
        guard failureClass == nil, tellsUser else { return nil }
        return name == "other-user-name" ? "somebody@ELSEWHERE.TEST" : principal
    }

    /// Every misbehaviour that `scripted-acceptor` has.
    static let all: [HostileExpectation] =
        honest + doubtful + strangers + failures + frames + outcomes + fields + mechanism
}

extension HostileExpectation {
    private enum Class: String {
        case `protocol`
        case refused
        case unavailable = "mechanism-unavailable"
        case notProven = "server-not-proven"
        case layer = "security-layer"
        case deadline

        var status: Int32 {
            switch self {
            case .protocol: 13
            case .refused: 30
            case .unavailable: 31
            case .notProven: 32
            case .layer: 33
            case .deadline: 40
            }
        }
    }

    private static func failing(_ names: [String], _ class: Class, in phase: String?) -> [HostileExpectation] {
        names.map { HostileExpectation(name: $0, failureClass: `class`.rawValue, status: `class`.status, phase: phase) }
    }

    /// The same at every reply of the conversation, which differ in phase and, where the server has a say, in class.
    private static func atEveryStep(
        _ names: [String], hello: Class = .protocol, sasl: Class = .protocol, identity: Class = .protocol
    ) -> [HostileExpectation] {
        names.flatMap { name in
            failing(["\(name)-at-hello"], hello, in: "hello")
                + failing(atSaslSteps(name), sasl, in: "sasl")
                + failing(["\(name)-at-connection-status"], identity, in: "identity")
        }
    }

    private static func atSaslSteps(_ name: String) -> [String] {
        ["sasl-start", "first-continue", "last-continue"].map { "\(name)-at-\($0)" }
    }

    // MARK: - The table

    /// Unusual, but nothing that a client may refuse.
    private static let honest = [
        "none", "ok-int32", "ok-int64", "ok-double", "ok-bool", "single-bytes", "checksums", "optional-flags",
        "unknown-fields", "base64-payloads", "hello-unknown", "all-layers-offered",
        "outcome-one-reply-later", "many-roles",
    ].map { HostileExpectation(name: $0, failureClass: nil, status: 0, phase: nil) }

    /// What others connect to and we do, with a warning.
    private static let doubtful = [
        doubtful(
            "other-user-name", ["the server says that we are somebody@ELSEWHERE.TEST; Kerberos has proven that we are"]),
        doubtful(
            "no-connection-status",
            ["does not report the authenticated user: the server does not know connectionStatus"],
            tellsUser: false),
        doubtful("poor-connection-status", ["the user has no roles"]),
        doubtful("empty-connection-status", ["has no list of authenticated users"], tellsUser: false),
        doubtful(
            "strange-members",
            [
                "the replica set strange does not list the server by this name",
                "members of the replica set strange are known by names that do not resolve on this machine: a.invalid:27017, b.invalid:27018",
            ]),
        doubtful("ancient-server", ["the server supports the wire versions 0 to 3"]),
        doubtful("old-wire-versions", ["the server supports the wire versions 0 to 6"]),
    ]

    private static func doubtful(_ name: String, _ warnings: [String], tellsUser: Bool = true) -> HostileExpectation {
        HostileExpectation(
            name: name, failureClass: nil, status: 0, phase: nil, warnings: warnings, tellsUser: tellsUser)
    }

    private static let strangers =
        failing(["http-server", "random-bytes", "zero-bytes"], .protocol, in: "hello")
        + failing(["never-speaks"], .deadline, in: "hello")
        + failing(["closes-at-once"], .protocol, in: nil)
        + failing(["behind-load-balancer", "demands-api-version"], .protocol, in: "hello")
        + failing(["arbiter"], .unavailable, in: "hello")
        // It answers the handshake in the oldest form, and says that it knows no saslStart.
        + failing(["handshake-only"], .refused, in: "sasl")

    private static let failures =
        atEveryStep(["error"], sasl: .refused, identity: .refused)
        + atEveryStep(["close", "close-in-message"])
        + atEveryStep(["silence", "silence-in-message"], hello: .deadline, sasl: .deadline, identity: .deadline)

    private static let frames = atEveryStep([
        "wrong-response-to", "length-0", "length-15", "length-negative", "length-maximum", "length-over-limit",
        "unknown-opcode",
        "compressed", "op-query", "more-to-come", "unknown-required-flag", "bad-checksum", "no-body", "two-bodies",
        "unknown-section", "document-too-long", "document-unterminated", "unknown-type", "invalid-utf8",
        "nested-too-deep",
    ])

    private static let outcomes = atEveryStep([
        "ok-missing", "ok-twice", "ok-string", "ok-null", "ok-document", "ok-2", "ok-nan",
    ])

    private static let fields =
        failing(
            [
                "payload-missing", "payload-null", "payload-integer", "payload-document", "payload-subtype",
                "payload-not-base64", "payload-twice", "done-missing", "done-string", "done-twice",
                "conversation-id-missing", "conversation-id-string", "conversation-id-twice",
            ].flatMap(atSaslSteps), .protocol, in: "sasl")
        + failing(
            ["conversation-id-wrong-at-first-continue", "conversation-id-wrong-at-last-continue"], .protocol, in: "sasl"
        )

    private static let mechanism =
        failing(["mechanism-unavailable", "mechanism-unavailable-in-old-words"], .unavailable, in: "sasl")
        + failing(
            [
                "done-at-once", "done-at-once-without-token", "done-before-layer", "done-before-layer-without-token",
                "tampered-token", "truncated-token", "empty-token", "reflected-token", "without-mutual-authentication",
                "error-of-clocks", "error-of-clocks-with-time", "error-of-key-version", "error-of-missing-key",
            ], .notProven, in: "sasl")
        // The token is genuine, but says which keys come next, and those are not the offer's.
        + failing(["token-of-another-context"], .layer, in: "sasl")
        + failing(
            [
                "offer-empty", "offer-of-0", "offer-of-3", "offer-of-5", "offer-of-4096", "layers-0", "layers-2",
                "layers-4", "layers-6", "size-without-layer", "offer-not-wrapped", "offer-of-another-key",
                "offer-confidential", "offer-tampered", "offer-reflected",
            ], .layer, in: "sasl")
        + failing(["token-too-large", "never-done", "final-payload"], .protocol, in: "sasl")
        + failing(["nobody-authenticated"], .notProven, in: "identity")
}

/// Code that reads what a peer or a user sends, with the rules that hold whatever it is given.
///
/// `make fuzz` lets libFuzzer look for inputs that break a rule or trap; the tests check the seeds.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A connection string, and behind the first line break a TXT record for it.
    case connectionString = "connection-string"
    /// A name server's message.
    case dnsAnswer = "dns-answer"
    /// A stream of messages.
    case wireMessages = "wire-messages"
    /// A document.
    case bson
    /// A text of Base64, or bytes to encode.
    case base64
    /// What a SCRAM server says that does not know the password.
    case scram
    /// What a GSSAPI server says, its tokens in the clear.
    case gssapi
    /// A principal, a host or any other name that goes into a principal and into a command for a shell.
    case principals

    /// Checks every rule for an input.
    ///
    /// - Throws: ``Violation`` for a broken rule, and an error that should not have come. An input that is refused as it
    ///   should be is neither.
    public func check(_ input: [UInt8]) throws {
        switch self {
        case .connectionString: try ConnectionStringRules.check(input)
        case .dnsAnswer: try DNSAnswerRules.check(input)
        case .wireMessages: try WireMessageRules.check(input)
        case .bson: try BSONRules.check(input)
        case .base64: try Base64Rules.check(input)
        case .scram: try ScramRules.check(input)
        case .gssapi: try GSSAPIRules.check(input)
        case .principals: try PrincipalRules.check(input)
        }
    }

    /// Inputs to start from.
    ///
    /// - Throws: An error of the file system where `Fixtures` is not to be read.
    public func seeds() throws -> [[UInt8]] {
        switch self {
        case .connectionString: try ConnectionStringRules.seeds()
        case .dnsAnswer: try DNSAnswerRules.seeds()
        case .wireMessages: try WireMessageRules.seeds()
        case .bson: try BSONRules.seeds()
        case .base64: Base64Rules.seeds
        case .scram: ScramRules.seeds
        case .gssapi: GSSAPIRules.seeds
        case .principals: PrincipalRules.seeds
        }
    }
}

/// A broken rule.
public struct Violation: Error, CustomStringConvertible {
    /// The rule.
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Holds a rule up.
func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws(Violation) {
    guard condition else { throw Violation(rule()) }
}

/// Whether a text has a character that a terminal could take for a command.
func hasControl(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.generalCategory == .control }
}

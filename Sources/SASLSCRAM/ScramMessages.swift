internal import SASL

/// The client's first message, as the client writes it (RFC 5802 section 7).
struct ScramClient {
    var username: String
    var authorizationIdentity: String
    var nonce: String
    var channelBinding = ScramMechanism.ChannelBinding.none

    /// The header without channel binding is `n,,`, or `n,a=identity,`.
    var gs2Header: String {
        let flag =
            switch channelBinding {
            case .none: "n"
            case .notOffered: "y"
            case .bound(let binding): "p=\(binding.kind)"
            }
        return authorizationIdentity.isEmpty ? "\(flag),," : "\(flag),a=\(ScramMessage.escaped(authorizationIdentity)),"
    }

    var firstMessageBare: String { "n=\(ScramMessage.escaped(username)),r=\(nonce)" }

    func finalMessageWithoutProof(nonce: String) -> String {
        var input = Array(gs2Header.utf8)
        if case .bound(let binding) = channelBinding { input += binding.data }
        return "c=\(SaslBase64.encode(input)),r=\(nonce)"
    }
}

/// The server's first message.
struct ScramServerFirst {
    /// The message as received: both sides sign it.
    var text: String
    var nonce: String
    var salt: [UInt8]
    var iterations: Int

    /// Reads `r=…,s=…,i=…` and tolerates optional extensions after them.
    init(_ challenge: [UInt8], clientNonce: String, iterations allowed: ClosedRange<Int>) throws(SaslError) {
        text = try ScramMessage.text(challenge)
        var attributes = try ScramMessage.attributes(text)
        if let first = attributes.first, first.name == "e" { throw ScramMessage.refusal(first.value) }

        nonce = try ScramMessage.take("r", from: &attributes)
        guard nonce.utf8.allSatisfy(ScramMessage.isNonceByte) else {
            throw SaslError(.malformedChallenge, "the server's nonce has characters that no nonce may have")
        }
        guard nonce.utf8.starts(with: clientNonce.utf8), nonce.utf8.count > clientNonce.utf8.count else {
            throw SaslError(
                .serverNotProven, "the server's nonce does not extend the client's: it answers another client")
        }
        let saltText = try ScramMessage.take("s", from: &attributes)
        guard let salt = SaslBase64.decode(saltText.utf8), !salt.isEmpty else {
            throw SaslError(.malformedChallenge, "the server's salt is not Base64")
        }
        // Servers use 16 to 32 bytes.
        guard salt.count <= 1024 else {
            throw SaslError(.malformedChallenge, "the server's salt is longer than 1024 bytes")
        }
        self.salt = salt
        iterations = try Self.iterations(try ScramMessage.take("i", from: &attributes), allowed)
        if attributes.contains(where: { ["r", "s", "i"].contains($0.name) }) {
            throw SaslError(.malformedChallenge, "the server's message gives an attribute twice")
        }
    }

    /// A positive number without leading zeros, within the client's limits.
    private static func iterations(_ text: String, _ allowed: ClosedRange<Int>) throws(SaslError) -> Int {
        let digits = text.utf8
        guard let first = digits.first, first != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw SaslError(.malformedChallenge, "the server's iteration count is not a positive number") }
        guard let count = Int(text), count <= allowed.upperBound else {
            throw SaslError(
                .unacceptableChallenge,
                "the server demands more than \(allowed.upperBound) iterations, the most that this client performs")
        }
        guard count >= allowed.lowerBound else {
            throw SaslError(
                .unacceptableChallenge,
                "the server demands only \(count) iterations, fewer than the \(allowed.lowerBound) that are safe"
            )
        }
        return count
    }
}

/// The server's last message: its signature.
struct ScramServerFinal {
    var signature: [UInt8]

    /// Reads `v=…`, or throws the refusal of `e=…`; tolerates optional extensions after it.
    init(_ challenge: [UInt8]) throws(SaslError) {
        var attributes = try ScramMessage.attributes(try ScramMessage.text(challenge))
        if let first = attributes.first, first.name == "e" { throw ScramMessage.refusal(first.value) }
        let text = try ScramMessage.take("v", from: &attributes)
        guard let signature = SaslBase64.decode(text.utf8), !signature.isEmpty else {
            throw SaslError(.malformedChallenge, "the server's signature is not Base64")
        }
        if attributes.contains(where: { $0.name == "v" || $0.name == "e" }) {
            throw SaslError(.malformedChallenge, "the server's message gives an attribute twice")
        }
        self.signature = signature
    }
}

/// Common to all messages.
enum ScramMessage {
    typealias Attribute = (name: Unicode.Scalar, value: String)

    /// `,` and `=` in names (RFC 5802 section 5.1).
    static func escaped(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case ",": text += "=2C"
            case "=": text += "=3D"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Undoes ``escaped(_:)``; `nil` for any other `=` (RFC 5802 section 5.1: the server must fail then).
    static func unescaped(_ name: String) -> String? {
        var (text, rest) = ([UInt8](), name.utf8[...])
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "=") else {
                text.append(byte)
                continue
            }
            if rest.starts(with: "2C".utf8) {
                text.append(UInt8(ascii: ","))
            } else if rest.starts(with: "3D".utf8) {
                text.append(byte)
            } else {
                return nil
            }
            rest = rest.dropFirst(2)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Printable ASCII without the comma.
    static func isNonceByte(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: ",")
    }

    /// Whose message is read.
    enum Sender: String {
        case server
        case client

        func malformed(_ what: String) -> SaslError {
            SaslError(self == .server ? .malformedChallenge : .malformedResponse, "the \(rawValue)'s \(what)")
        }
    }

    static func text(_ message: [UInt8], of sender: Sender = .server) throws(SaslError) -> String {
        guard !message.contains(0), let text = String(validating: message, as: UTF8.self) else {
            throw sender.malformed("message is not UTF-8 text")
        }
        return text
    }

    /// Splits a message into its attributes.
    ///
    /// - Throws: ``/SASL/SaslError/Code/malformedChallenge`` when one is not `letter=value`;
    ///   ``/SASL/SaslError/Code/unacceptableChallenge`` for `m`, which demands an extension that is not implemented
    ///   here. Of a client's message both are ``/SASL/SaslError/Code/malformedResponse``.
    static func attributes(_ text: String, of sender: Sender = .server) throws(SaslError) -> [Attribute] {
        var attributes: [Attribute] = []
        // On scalars: a combining mark behind a comma would hide the comma from a search among characters.
        for piece in text.unicodeScalars.split(separator: ",", omittingEmptySubsequences: false) {
            guard let letter = piece.first, letter.isASCII, letter.properties.isAlphabetic,
                piece.dropFirst().first == "=", piece.count > 2
            else {
                throw sender.malformed("message is not a list of attributes letter=value")
            }
            if letter == "m" {
                guard sender == .server else {
                    throw sender.malformed("message demands an extension that is unknown here")
                }
                throw SaslError(
                    .unacceptableChallenge, "the server demands an extension that this client does not have")
            }
            attributes.append((letter, String(String.UnicodeScalarView(piece.dropFirst(2)))))
        }
        return attributes
    }

    /// Removes the attribute that must come next.
    static func take(
        _ name: Unicode.Scalar, from attributes: inout [Attribute], of sender: Sender = .server
    ) throws(SaslError) -> String {
        guard let first = attributes.first, first.name == name else {
            throw sender.malformed("message lacks the attribute \(name) where it is expected")
        }
        attributes.removeFirst()
        return first.value
    }

    /// The error of `e=…`. Only values that RFC 5802 section 7 defines are repeated.
    static func refusal(_ value: String) -> SaslError {
        SaslError(
            .refused,
            serverErrors.contains(value)
                ? "the server refused the authentication: \(value)"
                : "the server refused the authentication for a reason that RFC 5802 does not define")
    }

    private static let serverErrors: Set<String> = [
        "invalid-encoding", "extensions-not-supported", "invalid-proof", "channel-bindings-dont-match",
        "server-does-support-channel-binding", "channel-binding-not-supported", "unsupported-channel-binding-type",
        "unknown-user", "invalid-username-encoding", "no-resources", "other-error",
    ]
}

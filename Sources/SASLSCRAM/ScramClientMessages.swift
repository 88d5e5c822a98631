internal import SASL

/// A client's first message.
struct ScramClientFirst {
    enum BindingFlag: Hashable {
        case none
        case notOffered
        case bound(SaslChannelBinding.Kind)
    }

    var bindingFlag: BindingFlag
    /// As it came: the client repeats it, and both sides sign that.
    var gs2Header: [UInt8]
    var authorizationIdentity: String
    var username: String
    var nonce: String
    /// The message without the header.
    var bare: String

    init(_ response: [UInt8]) throws(SaslError) {
        let sender = ScramMessage.Sender.client
        let text = try ScramMessage.text(response, of: sender)
        // On scalars: a combining mark after a comma would hide the comma.
        let parts = text.unicodeScalars.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw sender.malformed("message has no header") }
        bindingFlag = try Self.flag(String(parts[0]))
        let identity = String(parts[1])
        gs2Header = Array("\(String(parts[0])),\(identity),".utf8)
        bare = String(parts[2])
        authorizationIdentity = ""
        if !identity.isEmpty {
            guard identity.utf8.starts(with: "a=".utf8),
                let name = ScramMessage.unescaped(String(identity.dropFirst(2))),
                !name.isEmpty
            else { throw sender.malformed("authorization identity is malformed") }
            authorizationIdentity = name
        }
        var attributes = try ScramMessage.attributes(bare, of: sender)
        guard let username = ScramMessage.unescaped(try ScramMessage.take("n", from: &attributes, of: sender)) else {
            throw sender.malformed("user name has an invalid '=' escape")
        }
        self.username = username
        nonce = try ScramMessage.take("r", from: &attributes, of: sender)
        guard nonce.utf8.allSatisfy(ScramMessage.isNonceByte), nonce.utf8.count <= 1024 else {
            throw sender.malformed("nonce has characters that no nonce may have, or more than 1024")
        }
        if attributes.contains(where: { ["n", "r"].contains($0.name) }) {
            throw sender.malformed("message gives an attribute twice")
        }
    }

    private static func flag(_ text: String) throws(SaslError) -> BindingFlag {
        switch text {
        case "n": return .none
        case "y": return .notOffered
        default:
            guard text.utf8.starts(with: "p=".utf8), let kind = SaslChannelBinding.Kind(String(text.dropFirst(2)))
            else {
                throw ScramMessage.Sender.client.malformed("message does not begin with n, y or p=")
            }
            return .bound(kind)
        }
    }
}

/// A client's last message.
struct ScramClientFinal {
    var channelBinding: [UInt8]
    var nonce: String
    var proof: [UInt8]
    var withoutProof: String

    init(_ response: [UInt8]) throws(SaslError) {
        let sender = ScramMessage.Sender.client
        let text = try ScramMessage.text(response, of: sender)
        var attributes = try ScramMessage.attributes(text, of: sender)
        guard let last = attributes.popLast(), last.name == "p", let proof = SaslBase64.decode(last.value.utf8) else {
            throw sender.malformed("last attribute is not a proof in Base64")
        }
        guard let binding = SaslBase64.decode(try ScramMessage.take("c", from: &attributes, of: sender).utf8) else {
            throw sender.malformed("channel binding is not Base64")
        }
        channelBinding = binding
        nonce = try ScramMessage.take("r", from: &attributes, of: sender)
        if attributes.contains(where: { ["c", "r", "p"].contains($0.name) }) {
            throw sender.malformed("message gives an attribute twice")
        }
        self.proof = proof
        // ",p=" and the proof's text.
        withoutProof = String(decoding: Array(text.utf8).dropLast(last.value.utf8.count + 3), as: UTF8.self)
    }
}

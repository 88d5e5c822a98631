import SASL
import SASLSCRAM

/// The first byte of an input chooses the mechanism; the first line is the user's name, and the others are the server's
/// messages.
enum ScramRules {
    static func check(_ input: [UInt8]) throws {
        guard let kind = input.first else { return }
        let lines = input.dropFirst().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let username = String(decoding: lines.first ?? [], as: UTF8.self)
        var options = ScramMechanism.Options()
        options.iterations = 1...64
        options.makeNonce = { "nonce" }
        if kind & 2 != 0 { options.usernamePreparation = .unchanged }
        if kind & 4 != 0 { options.authorizationIdentity = username }
        let mechanism = ScramMechanism(
            kind & 1 == 0 ? .sha256 : .sha1, username: username, password: Secret("not to be guessed: 7Qm2Zx"),
            options: options)
        guard var session = try? SaslSession(mechanism) else { return }
        do {
            _ = try session.step(nil)
            for line in lines.dropFirst() {
                _ = try session.step(Array(line))
                try require(!session.isComplete, "a server that does not know the password proves nothing")
            }
        } catch let error as SaslError {
            try require(!error.message.contains("7Qm2Zx"), "no error shows the password")
            try require(!session.isComplete, "a failed session is not complete")
            try require((try? session.step(Array("v=AAAA".utf8))) == nil, "a failed session takes no more steps")
        }
    }

    static let seeds = [
        "0ann\nr=nonceX,s=QSXCR+Q6sek8bf92,i=4\nv=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=\n",
        "1ann\nr=nonceX,s=QSXCR+Q6sek8bf92,i=64,x=y\ne=invalid-proof", "2a=b,c\nr=nonceX,s=QQ==,i=1\nv=AAAA,e=x",
        "3ann\nm=x,r=nonce", "4ann\ne=other-error", "5\u{2168}\nr=nonce,s=,i=0",
        "0\u{627}\u{301}\nr=other,s=QQ==,i=4096",
        "0ann\nr=nonceX,s=QQ==,i=00004\n\n", "0ann\nr=nonceX,s=QQ==,i=99999999999999999999",
        "0ann\nr=nonceX,\u{301}s=QQ==,i=4",
    ].map { Array($0.utf8) }
}

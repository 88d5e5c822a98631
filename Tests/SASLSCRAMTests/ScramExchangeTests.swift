import ModuleTestSupport
import SASL
import SASLSCRAM
import Testing

@Suite("SCRAM exchanges") struct ScramExchangeTests {
    static let nonce = "fyko+d2lbbFgONRv9qkxdawL"

    static func options(nonce: String = nonce) -> ScramMechanism.Options {
        var options = ScramMechanism.Options()
        options.makeNonce = { nonce }
        return options
    }

    static func text(_ step: SaslStep) -> String? {
        if case .respond(let bytes) = step { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// A conversation as some document prints it, with the user `user` and the password `pencil`.
    struct Vector: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var hash: ScramMechanism.Hash
        var password = ScramMechanism.PasswordPreparation.saslPrep
        var nonce: String
        var messages: [String]
    }

    static let vectors = [
        Vector(
            testDescription: "RFC 5802 section 5", hash: .sha1, nonce: "fyko+d2lbbFgONRv9qkxdawL",
            messages: [
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ]),
        Vector(
            testDescription: "RFC 7677 section 3", hash: .sha256, nonce: "rOprNGfwEbeRWgbNEkqO",
            messages: [
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                    + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ]),
        Vector(
            testDescription: "MongoDB's driver authentication specification", hash: .sha1, password: .mongoDBDigest,
            nonce: "fyko+d2lbbFgONRv9qkxdawL",
            messages: [
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,s=rQ9ZY3MntBeuP3E1TDVC4w==,i=10000",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,p=MC2T8BvbmWRckDw8oWl5IVghwCY=",
                "v=UMWeI25JD1yNYZRMpZ4VHvhZ9e0=",
            ]),
    ]

    @Test("only keys that are not known yet take long") func mayBlock() throws {
        let vector = Self.vectors[1]
        var options = Self.options(nonce: vector.nonce)
        options.keyCache = ScramKeyCache()
        let mechanism = ScramMechanism(.sha256, username: "user", password: Secret("pencil"), options: options)
        #expect(mechanism.traits.mayBlock)
        for isKnown in [false, true] {
            var session = try SaslSession(mechanism)
            #expect(session.mayBlock(on: nil) == false)
            _ = try session.step(nil)
            let challenge = Array(vector.messages[1].utf8)
            #expect(session.mayBlock(on: challenge) == !isKnown)
            // Nothing is derived from these.
            for other in ["", "r=x", "\(vector.messages[1]),m=x"] {
                #expect(session.mayBlock(on: Array(other.utf8)) == false)
            }
            _ = try session.step(challenge)
            #expect(session.mayBlock(on: Array(vector.messages[3].utf8)) == false)
            _ = try session.step(Array(vector.messages[3].utf8))
        }
    }

    @Test("published conversations, byte for byte", arguments: vectors) func published(_ vector: Vector) throws {
        var options = Self.options(nonce: vector.nonce)
        options.passwordPreparation = vector.password
        let mechanism = ScramMechanism(vector.hash, username: "user", password: Secret("pencil"), options: options)
        var session = try SaslSession(mechanism)
        #expect(try session.step(nil) == .respond(Array(vector.messages[0].utf8)))
        #expect(session.isComplete == false)
        #expect(try session.step(Array(vector.messages[1].utf8)) == .respond(Array(vector.messages[2].utf8)))
        #expect(session.isComplete == false)
        #expect(try session.step(Array(vector.messages[3].utf8)) == .done)
        #expect(session.isComplete == true)
        #expect(try session.step(nil) == .done)
        #expect(try session.step([]) == .done)
        #expect(try session.makeSecurityLayer().protection == .none)
    }

    /// A whole conversation with a scripted server that knows `password`.
    static func converse(
        _ mechanism: ScramMechanism, _ hash: ScramMechanism.Hash, serverPassword: String, iterations: Int = 4096,
        extensions: String = ""
    ) throws -> (clientFirst: String, accepted: Bool, isComplete: Bool) {
        let server = ScramServerSide(
            hash == .sha1 ? .sha1 : .sha256, password: serverPassword, iterations: iterations)
        var session = try SaslSession(mechanism)
        let clientFirst = try #require(text(try session.step([])))
        // The header ends behind the second comma.
        let bare = clientFirst.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)[2]
        let serverFirst = server.first(clientFirstBare: String(bare), nonceSuffix: "X", extensions: extensions)
        let clientFinal = try #require(text(try session.step(Array(serverFirst.utf8))))
        let accepted = server.accepts(
            clientFirstBare: String(bare), serverFirst: serverFirst, clientFinal: clientFinal)
        let proof = server.signature(
            clientFirstBare: String(bare), serverFirst: serverFirst, clientFinal: clientFinal)
        _ = try session.step(Array("v=\(proof)\(extensions)".utf8))
        return (clientFirst, accepted, session.isComplete)
    }

    @Test(
        "users and passwords as RFC 5802 has them",
        arguments: [
            ("user", "pencil", "n=user", "pencil"),
            ("a,b=c", "p,=q", "n=a=2Cb=3Dc", "p,=q"),
            ("=2C", " ", "n==3D2C", " "),
            ("ü\u{AD}", "\u{2168}", "n=ü", "IX"),
            ("u\u{308}", "pa\u{A0}ss", "n=ü", "pa ss"),
        ]) func preparation(_ user: String, _ password: String, _ sent: String, _ derived: String) throws
    {
        for hash in ScramMechanism.Hash.allCases {
            let mechanism = ScramMechanism(
                hash, username: user, password: Secret(password), options: Self.options())
            let result = try Self.converse(mechanism, hash, serverPassword: derived)
            #expect(result.clientFirst == "n,,\(sent),r=\(Self.nonce)")
            #expect(result.accepted)
            #expect(result.isComplete)
        }
    }

    @Test("MongoDB's rules") func mongoDBRules() throws {
        // The user name stays as it is; both the digest and the prepared password are the specification's.
        let sha1 = try Self.converse(
            .mongoDB(.sha1, username: "user", password: Secret("pencil")), .sha1,
            serverPassword: "1c33006ec1ffd90f9cadcbcc0e118200")
        #expect(sha1.accepted && sha1.isComplete)
        let sha256 = try Self.converse(
            .mongoDB(.sha256, username: "u\u{308}", password: Secret("\u{2168}")), .sha256, serverPassword: "IX")
        #expect(sha256.accepted && sha256.isComplete)
        #expect(sha256.clientFirst.unicodeScalars.starts(with: "n,,n=u\u{308},r=".unicodeScalars))
    }

    @Test("an authorization identity goes into the header and is signed") func authorizationIdentity() throws {
        var options = Self.options()
        options.authorizationIdentity = "a=b,c"
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"), options: options)
        var session = try SaslSession(mechanism)
        #expect(Self.text(try session.step(nil)) == "n,a=a=3Db=2Cc,n=u,r=\(Self.nonce)")
        let final = Self.text(try session.step(Array("r=\(Self.nonce)X,s=QSXCR+Q6sek8bf92,i=4096".utf8)))
        #expect(try #require(final).hasPrefix("c=\(Data64.encode(Array("n,a=a=3Db=2Cc,".utf8))),r=\(Self.nonce)X,p="))
    }

    @Test("optional extensions are tolerated") func extensions() throws {
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"), options: Self.options())
        let result = try Self.converse(mechanism, .sha256, serverPassword: "p", extensions: ",x=1,Z=a=b")
        #expect(result.accepted && result.isComplete)
    }

    @Test("iteration limits can be set") func iterations() throws {
        var options = Self.options()
        options.iterations = 1...10
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"), options: options)
        for count in [1, 10] {
            let result = try Self.converse(mechanism, .sha256, serverPassword: "p", iterations: count)
            #expect(result.accepted && result.isComplete)
        }
    }

    @Test("a wrong password is not accepted, and its server not believed") func wrongPassword() throws {
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"), options: Self.options())
        let error = try #require(throws: SaslError.self) {
            try Self.converse(mechanism, .sha256, serverPassword: "q")
        }
        #expect(error.code == .serverNotProven)
    }

    @Test("nonces are new each time and long enough") func nonces() throws {
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"))
        let messages = try (0..<100).map { _ in
            var session = try SaslSession(mechanism)
            return try #require(Self.text(try session.step(nil)))
        }
        #expect(Set(messages).count == 100)
        #expect(messages.allSatisfy { $0.utf8.count == "n,,n=u,r=".utf8.count + 32 })
    }

    @Test("traits and names") func traits() {
        for (hash, name) in [(ScramMechanism.Hash.sha1, "SCRAM-SHA-1"), (.sha256, "SCRAM-SHA-256")] {
            let mechanism = ScramMechanism(hash, username: "u", password: Secret("p"))
            #expect(mechanism.name.rawValue == name)
            #expect(mechanism.traits.authenticatesServer)
            #expect(mechanism.traits.firstSpeaker == .client)
            #expect(!mechanism.traits.sendsPlaintextSecret)
        }
    }

    @Test(
        "configurations that cannot be used",
        arguments: [
            ("", "p"), ("u\0", "p"), ("\u{AD}", "p"), ("u\u{7}", "p"), ("u\u{1F600}", "p"), ("u", ""), ("u", "\u{AD}"),
            ("u", "p\n"), ("u", "\u{627}1"), ("u", "p\u{1F600}"),
        ]) func badConfiguration(_ user: String, _ password: String) throws
    {
        let mechanism = ScramMechanism(.sha256, username: user, password: Secret(password))
        let error = try #require(throws: SaslError.self) { try mechanism.makeExchange() }
        #expect(error.code == .invalidConfiguration)
    }

    @Test("a password that is not UTF-8 cannot be prepared") func notUTF8() throws {
        let mechanism = ScramMechanism(.sha256, username: "u", password: Secret(bytes: [0xFF]))
        let error = try #require(throws: SaslError.self) { try mechanism.makeExchange() }
        #expect(error.code == .invalidConfiguration)
    }

    @Test("nonces and limits that cannot be used") func badOptions() throws {
        var broken: [ScramMechanism.Options] = ["", "a,b", "a b", "ü"].map(Self.options(nonce:))
        for limits in [0...5, -1...4096, 1...Int.max] {
            var options = Self.options()
            options.iterations = limits
            broken.append(options)
        }
        var identity = Self.options()
        identity.authorizationIdentity = "a\0"
        for options in broken + [identity] {
            let mechanism = ScramMechanism(.sha256, username: "u", password: Secret("p"), options: options)
            let error = try #require(throws: SaslError.self) { try mechanism.makeExchange() }
            #expect(error.code == .invalidConfiguration)
        }
    }
}

import SASL
import SASLSCRAM
import Testing

/// The server's side, against the documents' conversations, our client, and clients that break the rules.
@Suite("SCRAM servers") struct ScramServerTests {
    private static let serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

    private static func mechanism(
        _ hash: ScramMechanism.Hash = .sha256, nonce: String = serverNonce,
        salt: [UInt8] = Data64.decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
        _ binding: ScramServerMechanism.ChannelBinding = .none,
        preparation: ScramMechanism.PasswordPreparation = .saslPrep, iterations: Int = 4096
    ) throws -> ScramServerMechanism {
        var options = ScramServerMechanism.Options()
        options.channelBinding = binding
        options.makeNonce = { nonce }
        options.iterations = iterations
        options.mockSecret = Secret("the secret of mocks")
        let keys = try ScramStoredKeys(
            hash, username: "user", password: Secret("pencil"), preparation: preparation, salt: salt,
            iterations: iterations)
        return ScramServerMechanism(hash, options: options) { $0 == "user" ? keys : nil }
    }

    private static func text(_ step: SaslServerStep) -> String? {
        switch step {
        case .challenge(let bytes): String(decoding: bytes, as: UTF8.self)
        case .success(_, let data): data.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private func expectFailure(
        _ code: SaslError.Code, _ comment: String = "", _ body: () throws(SaslError) -> SaslServerStep,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do throws(SaslError) {
            let step = try body()
            Issue.record("no error but \(step): \(comment)", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == code, "\(error): \(comment)", sourceLocation: sourceLocation)
        }
    }

    @Test("the conversations that documents print", arguments: ScramExchangeTests.vectors)
    func vectors(_ vector: ScramExchangeTests.Vector) throws {
        let first = vector.messages[1].split(separator: ",")
        let nonce = String(first[0].dropFirst(2 + vector.nonce.count))
        let mechanism = try Self.mechanism(
            vector.hash, nonce: nonce, salt: Data64.decode(String(first[1].dropFirst(2))),
            preparation: vector.password, iterations: Int(first[2].dropFirst(2)) ?? 0)
        var session = try SaslServerSession(mechanism)
        #expect(Self.text(try session.step(Array(vector.messages[0].utf8))) == vector.messages[1])
        #expect(session.mayBlock(on: []) == false)
        let end = try session.step(Array(vector.messages[2].utf8))
        #expect(Self.text(end) == vector.messages[3])
        #expect(session.identity?.authenticationIdentity == "user")
    }

    @Test("our client, with an identity to act as", arguments: ScramMechanism.Hash.allCases)
    func ourClient(hash: ScramMechanism.Hash) throws {
        var options = ScramMechanism.Options()
        options.authorizationIdentity = "a,b=c"
        var client = try SaslSession(
            ScramMechanism(hash, username: "user", password: Secret("pencil"), options: options))
        var server = try SaslServerSession(try Self.mechanism(hash)) { $0.authorizationIdentity }
        let success = try converse(&client, &server)
        #expect(success?.authorizationIdentity == "a,b=c" && client.isComplete == true)
    }

    /// Runs both sides to the end.
    private func converse(
        _ client: inout SaslSession, _ server: inout SaslServerSession
    ) throws -> SaslIdentity? {
        var challenge: [UInt8]?
        for _ in 0..<4 {
            guard case .respond(let response) = try client.step(challenge) else { break }
            switch try server.step(response) {
            case .challenge(let next): challenge = next
            case .success(let identity, let data):
                _ = try client.step(data)
                return identity
            }
        }
        return nil
    }

    @Test("an unknown user looks as a known one with a wrong password") func unknownUsers() throws {
        func salt(of user: String) throws -> (salt: String, iterations: String) {
            var session = try SaslServerSession(Self.mechanism())
            let text = Self.text(try session.step(Array("n,,n=\(user),r=abc".utf8))) ?? ""
            let parts = text.split(separator: ",")
            return (String(parts[1]), String(parts[2]))
        }
        let (eve, again, bob, known) = (
            try salt(of: "eve"), try salt(of: "eve"), try salt(of: "bob"), try salt(of: "user")
        )
        #expect(eve.salt == again.salt && eve.salt != bob.salt && eve.salt != known.salt)
        #expect(eve.iterations == known.iterations && eve.salt.count == known.salt.count)
        for (user, password) in [("eve", "pencil"), ("user", "wrong")] {
            var client = try SaslSession(ScramMechanism(.sha256, username: user, password: Secret(password)))
            var server = try SaslServerSession(Self.mechanism())
            let error = #expect(throws: SaslError.self) { _ = try converse(&client, &server) }
            #expect(error?.code == .credentialsRejected)
            #expect(error?.message == "the password is wrong, or there is no such user")
        }
    }

    @Test(
        "first messages that break a rule",
        arguments: [
            "", "n", "n,", "n,,", "n,,r=abc", "n,,n=user", "n,,n=user,r=", "n,,n=user,r=a\u{7f}", "n,,n=us=er,r=abc",
            "n,,n=us=2cer,r=abc", "n,,n=,r=abc", "n,,r=abc,n=user", "n,,n=user,r=abc,r=def", "n,,n=user,n=eve,r=abc",
            "n,,m=x,n=user,r=abc", "n,x=1,n=user,r=abc", "n,a=,n=user,r=abc", "n,a==,n=user,r=abc", "x,,n=user,r=abc",
            "p=,,n=user,r=abc", "p=tls unique,,n=user,r=abc", "n,,n=user\0,r=abc", "n,,n=user,r=abc\0",
            "n,,n=user,rabc", "N,,n=user,r=abc",
        ])
    func brokenFirstMessages(_ message: String) throws {
        var session = try SaslServerSession(try Self.mechanism())
        expectFailure(.malformedResponse, message) { () throws(SaslError) in try session.step(Array(message.utf8)) }
        #expect(session.identity == nil)
    }

    @Test("last messages that break a rule") func brokenLastMessages() throws {
        let vector = ScramExchangeTests.vectors[1]
        let right = vector.messages[2]
        let proof = right.split(separator: ",")[2]
        let start = right.dropLast(proof.utf8.count + 1)
        let cases: [(String, SaslError.Code)] = [
            ("", .malformedResponse), (String(start), .malformedResponse), ("\(start),p=", .malformedResponse),
            ("\(start),p=AAAA", .credentialsRejected), ("\(start),p=!", .malformedResponse),
            ("\(right),x=1", .malformedResponse), ("\(proof),\(start)", .malformedResponse),
            (right.replacing("c=biws", with: "c=eSws"), .channelBinding),
            (right.replacing("c=biws", with: "c=biwsYQ=="), .channelBinding),
            (right.replacing("c=biws", with: "c="), .malformedResponse),
            (right.replacing("r=rOp", with: "r=xOp"), .credentialsRejected),
            (right.replacing("$k0,", with: "$k0x,"), .credentialsRejected),
            ("\(start),m=1,\(proof)", .malformedResponse), ("\(start),c=biws,\(proof)", .malformedResponse),
            (right + "\0", .malformedResponse),
        ]
        for (message, code) in cases {
            var session = try SaslServerSession(try Self.mechanism())
            _ = try session.step(Array(vector.messages[0].utf8))
            expectFailure(code, message) { () throws(SaslError) in try session.step(Array(message.utf8)) }
        }
        // An extension that is optional is no reason to refuse, and is part of what is signed.
        var session = try SaslServerSession(try Self.mechanism())
        _ = try session.step(Array(vector.messages[0].utf8))
        expectFailure(.credentialsRejected) { () throws(SaslError) in
            try session.step(Array("\(start),x=1,\(proof)".utf8))
        }
    }

    @Test("each bit of the proof counts") func everyBit() throws {
        let vector = ScramExchangeTests.vectors[1]
        let parts = vector.messages[2].split(separator: ",")
        let proof = Data64.decode(String(parts[2].dropFirst(2)))
        #expect(proof.count == 32)
        let mechanism = try Self.mechanism()
        for bit in 0..<(proof.count * 8) {
            var changed = proof
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            var session = try SaslServerSession(mechanism)
            _ = try session.step(Array(vector.messages[0].utf8))
            expectFailure(.credentialsRejected, "bit \(bit)") { () throws(SaslError) in
                try session.step(Array("\(parts[0]),\(parts[1]),p=\(Data64.encode(changed))".utf8))
            }
        }
    }

    @Test("a message is taken once") func replays() throws {
        let vector = ScramExchangeTests.vectors[1]
        var session = try SaslServerSession(try Self.mechanism())
        _ = try session.step(Array(vector.messages[0].utf8))
        _ = try session.step(Array(vector.messages[2].utf8))
        expectFailure(.unexpectedResponse) { () throws(SaslError) in try session.step(Array(vector.messages[2].utf8)) }
        var first = try SaslServerSession(try Self.mechanism())
        _ = try first.step(Array(vector.messages[0].utf8))
        expectFailure(.malformedResponse) { () throws(SaslError) in try first.step(Array(vector.messages[0].utf8)) }
    }

    // MARK: - Channel binding

    private static let endPoint = SaslChannelBinding(.tlsServerEndPoint, data: [1, 2, 3])
    private static let exporter = SaslChannelBinding(.tlsExporter, data: [4, 5, 6])

    /// What the client says, what the server has, and whether they agree.
    private static let bindings:
        [(client: ScramMechanism.ChannelBinding, server: ScramServerMechanism.ChannelBinding, code: SaslError.Code?)] =
            [
                (.none, .none, nil), (.none, .offered, nil), (.notOffered, .none, nil),
                (.notOffered, .offered, .channelBinding), (.bound(endPoint), .required([endPoint]), nil),
                (.bound(exporter), .required([endPoint, exporter]), nil),
                (.bound(exporter), .required([endPoint]), .channelBinding),
                (
                    .bound(SaslChannelBinding(.tlsServerEndPoint, data: [1, 2, 4])), .required([endPoint]),
                    .channelBinding
                ),
                (.bound(SaslChannelBinding(.tlsServerEndPoint, data: [])), .required([endPoint]), .channelBinding),
                (.bound(endPoint), .none, .channelBinding), (.bound(endPoint), .offered, .channelBinding),
                (.none, .required([endPoint]), .channelBinding), (.notOffered, .required([endPoint]), .channelBinding),
            ]

    @Test("channel bindings, each against each", arguments: ScramMechanism.Hash.allCases)
    func channelBinding(_ hash: ScramMechanism.Hash) throws {
        for (binding, serverBinding, code) in Self.bindings {
            var options = ScramMechanism.Options()
            options.channelBinding = binding
            let mechanism = ScramMechanism(hash, username: "user", password: Secret("pencil"), options: options)
            let serverMechanism = try Self.mechanism(hash, serverBinding)
            if case .bound = binding { #expect(mechanism.name.rawValue.hasSuffix("-PLUS")) }
            if code == nil, case .required = serverBinding { #expect(mechanism.name == serverMechanism.name) }
            var client = try SaslSession(mechanism)
            var server = try SaslServerSession(serverMechanism)
            do {
                let identity = try converse(&client, &server)
                #expect(code == nil && identity != nil && client.isComplete == true, "\(binding) and \(serverBinding)")
            } catch {
                #expect((error as? SaslError)?.code == code, "\(binding) and \(serverBinding): \(error)")
            }
        }
    }

    @Test("names of channel bindings")
    func kinds() {
        for name in ["", "tls unique", "a,b", "ä", String(repeating: "a", count: 65)] {
            #expect(SaslChannelBinding.Kind(name) == nil)
        }
        #expect(SaslChannelBinding.Kind("tls-exporter") == .tlsExporter)
        #expect(SaslChannelBinding.Kind.tlsUnique.description == "tls-unique")
    }

    @Test("keys that cannot be made") func badKeys() {
        for iterations in [0, -1] {
            #expect(throws: SaslError.self) {
                _ = try ScramStoredKeys(.sha256, username: "u", password: Secret("p"), iterations: iterations)
            }
        }
        #expect(throws: SaslError.self) {
            _ = try ScramStoredKeys(.sha256, username: "u", password: Secret("p"), salt: [])
        }
        #expect(throws: SaslError.self) { _ = try ScramStoredKeys(.sha256, username: "u", password: Secret("\u{7}")) }
    }
}

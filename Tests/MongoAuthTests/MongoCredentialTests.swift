import MongoAuth
import SASL
import Testing

@Suite struct MongoCredentialTests {
    private static let sources: [(MongoCredential.Method, String)] = [
        (.gssapi(.init()), "$external"), (.plain(password: Secret("p")), "$external"),
        (.scram(nil, password: Secret("p")), "admin"), (.scram(.sha256, password: Secret("p")), "admin"),
        (.other(ExternalMechanism()), "$external"), (.other(WatchedMechanism([], named: "OWN")), "admin"),
    ]

    @Test(arguments: sources)
    func sourcesHaveTheMechanismsDefault(method: MongoCredential.Method, source: String) {
        #expect(MongoCredential(username: "ann", method: method).source == source)
        #expect(MongoCredential(username: "ann", source: "records", method: method).source == "records")
    }

    @Test func aPasswordIsNotShown() {
        let credential = MongoCredential(username: "ann", method: .plain(password: Secret("correct horse")))
        var dumped = ""
        dump(credential, to: &dumped)
        #expect(!dumped.contains("horse"))
        #expect(!String(reflecting: credential).contains("horse"))
        #expect(!"\(credential)".contains("horse"))
    }

    @Test func optionsHaveTheSpecificationsDefaults() {
        let options = GSSAPIOptions()
        #expect(options.serviceName == "mongodb")
        #expect(options.serviceRealm == nil)
        #expect(options.serviceHost == nil)
        #expect(options.canonicalizeHostName == .none)
    }

    @Test func mechanismPropertiesAreRead() throws {
        let options = try GSSAPIOptions(mechanismProperties: [
            "service_name": "ldap", "SERVICE_REALM": "OTHER.TEST", "Service_Host": "real.example.com",
            "CANONICALIZE_HOST_NAME": "forwardAndReverse",
        ])
        #expect(options.serviceName == "ldap")
        #expect(options.serviceRealm == "OTHER.TEST")
        #expect(options.serviceHost == "real.example.com")
        #expect(options.canonicalizeHostName == .forwardAndReverse)
    }

    @Test(arguments: [
        ("none", HostCanonicalization.none), ("false", .none), ("forward", .forward), ("TRUE", .forwardAndReverse),
    ])
    func everyCanonicalizationIsRead(text: String, expected: HostCanonicalization) throws {
        let options = try GSSAPIOptions(mechanismProperties: ["CANONICALIZE_HOST_NAME": text])
        #expect(options.canonicalizeHostName == expected)
    }

    @Test(arguments: [
        (["SERVICE": "x"], "SERVICE is unknown"), (["SERV\u{131}CE_NAME": "x"], "is unknown"),
        (["CANONICALIZE_HOST_NAME": "forward\u{301}"], "must be none, forward,"),
        (["SERVICE_NAME": ""], "SERVICE_NAME is empty"),
        (["CANONICALIZE_HOST_NAME": "yes"], "must be none, forward,"),
        (["SERVICE_NAME": "a", "service_name": "b"], "is given twice"),
    ])
    func whatIsWrongWithMechanismPropertiesIsThrown(properties: [String: String], text: String) {
        let error = #expect(throws: MongoAuthError.self) { try GSSAPIOptions(mechanismProperties: properties) }
        #expect(error?.code == .invalidCredential && error?.message.contains(text) == true)
    }

    @Test(arguments: [
        (MongoAuthError.Code.invalidCredential, "invalid-credential"), (.refused, "refused"),
        (.mechanismUnavailable, "mechanism-unavailable"), (.malformedReply, "malformed-reply"),
        (.conversationMismatch, "conversation-mismatch"), (.tooManySteps, "too-many-steps"),
        (.serverNotProven, "server-not-proven"), (.sasl, "sasl"), (.kerberos, "kerberos"), (.noWorker, "no-worker"),
        (.deadlineExceeded, "deadline-exceeded"), (.pipeliningRefused, "pipelining-refused"),
    ])
    func codesHaveStableNames(code: MongoAuthError.Code, name: String) {
        #expect(MongoAuthError(code, "text").description == "\(name): text")
    }
}

import MongoAuth
import SASL
import Testing

@Suite struct MongoCredentialTests {
    private static let sources: [(MongoCredential.Method, String)] = [
        (.gssapi(.init()), "$external"), (.plain(password: Secret("p")), "$external"),
        (.scram(nil, password: Secret("p")), "admin"), (.scram(.sha256, password: Secret("p")), "admin"),
        (.other(ExternalMechanism()), "admin"),
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

    @Test(arguments: [
        (MongoAuthError.Code.invalidCredential, "invalid-credential"), (.refused, "refused"),
        (.mechanismUnavailable, "mechanism-unavailable"), (.malformedReply, "malformed-reply"),
        (.conversationMismatch, "conversation-mismatch"), (.tooManySteps, "too-many-steps"),
        (.serverNotProven, "server-not-proven"), (.sasl, "sasl"), (.kerberos, "kerberos"), (.noWorker, "no-worker"),
        (.deadlineExceeded, "deadline-exceeded"),
    ])
    func codesHaveStableNames(code: MongoAuthError.Code, name: String) {
        #expect(MongoAuthError(code, "text").description == "\(name): text")
    }
}

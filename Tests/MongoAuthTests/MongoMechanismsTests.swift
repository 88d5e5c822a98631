import MongoAuth
import SASL
import SaslBSON
import Testing

/// What an application allows, and what it adds.
@Suite struct MongoMechanismsTests {
    private let never = ContinuousClock.now + .seconds(120)
    private static let own = SaslMechanismName(literal: "OWN")

    private func failure(
        _ method: MongoCredential.Method, _ mechanisms: MongoMechanisms
    ) async -> MongoAuthError? {
        await #expect(throws: MongoAuthError.self) {
            try await MongoAuthenticator(mechanisms: mechanisms).authenticate(
                MongoCredential(username: "ann", method: method), serverHost: "db.example.test",
                over: ScriptedRunner([]), by: never)
        }
    }

    @Test func whatIsNotAllowedIsNotSent() async {
        let only = MongoMechanisms(allowed: [.scramSHA256])
        let password = Secret("secret")
        for method: MongoCredential.Method in [
            .plain(password: password), .scram(.sha1, password: password), .x509, .gssapi(.init()),
            .other(PlainMechanism(username: "ann", password: password)),
        ] {
            let error = await failure(method, only)
            #expect(error?.code == .unsupportedMechanism, "\(method)")
            #expect(error?.message.hasPrefix("this application does not allow ") == true)
        }
    }

    /// A server's list for a user does not bypass it.
    @Test func theWeakerHashIsNotTakenWhereItIsNotAllowed() async {
        let mechanisms = MongoMechanisms(allowed: [.scramSHA256])
        let error = await #expect(throws: MongoAuthError.self) {
            try await MongoAuthenticator(mechanisms: mechanisms).authenticate(
                MongoCredential(username: "ann", method: .scram(nil, password: Secret("secret"))),
                serverHost: "db.example.test", server: ServerDescription(saslSupportedMechs: ["SCRAM-SHA-1"]),
                over: ScriptedRunner([]), by: never)
        }
        #expect(error?.code == .mechanismUnavailable)
    }

    @Test func aMechanismIsAdded() async throws {
        var mechanisms = MongoMechanisms.all
        mechanisms.add(Self.own) { request throws(SaslError) in
            #expect(request.username == "ann" && request.source == "admin" && request.properties == ["REGION": "x"])
            return WatchedMechanism([.respond([1]), .done], named: "OWN")
        }
        let runner = ScriptedRunner([
            ["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: [2])), "ok": 1]
        ])
        let details = try await MongoAuthenticator(mechanisms: mechanisms).authenticate(
            MongoCredential(username: "ann", method: .named(Self.own, properties: ["REGION": "x"])),
            serverHost: "db.example.test", over: runner, by: never)
        #expect(details.mechanism == Self.own && runner.commands[0]["mechanism"] == "OWN")
    }

    @Test func oneThatNobodyAddedIsMissing() async {
        let error = await failure(.named(Self.own), .all)
        #expect(error?.code == .unsupportedMechanism)
        #expect(error?.message.hasPrefix("this client does not have OWN; it has GSSAPI, PLAIN, ") == true)
    }

    @Test func oneThatCannotBeConfiguredAndOneByAnotherName() async {
        var mechanisms = MongoMechanisms.all
        mechanisms.add(Self.own) { _ throws(SaslError) in throw SaslError(.invalidConfiguration, "no region") }
        var error = await failure(.named(Self.own), mechanisms)
        #expect(error?.code == .sasl && error?.message == "no region")
        mechanisms.add(Self.own) { _ throws(SaslError) in PlainMechanism(username: "ann", password: Secret("x")) }
        error = await failure(.named(Self.own), mechanisms)
        #expect(error?.message == "the mechanism added as OWN is named PLAIN")
    }
}

import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Traits of principals that show in the tickets that others get, and in the services that nobody gets tickets for.
@Suite struct TicketTraitTests {
    /// One line of `klist -f -e` with those below it.
    private struct Ticket {
        var server: String
        var flags: String
        /// For how long it is valid, in seconds.
        var lifetime: TimeInterval
        /// For how long it can be renewed.
        var renewableLifetime: TimeInterval?
        /// With which type the service's key encrypts it.
        var encryptionType: String
    }

    /// A cache of `ann`, or of the user that is given, with tickets for the services.
    private func tickets(
        _ realm: KerberosRealm, user: String = "ann", password: String = "secret", kinit: [String] = [],
        services: [String] = []
    ) async throws -> [Ticket] {
        let cache = try await realm.makeCache(user, password: password, options: kinit)
        let environment = realm.environment(cache: cache).merging(["LC_ALL": "C", "TZ": "UTC"]) { $1 }
        for service in services {
            let kvno = try await Child.run(
                BuiltExecutable.system("kvno", package: "krb5-user"), [service], environment: environment)
            try #require(kvno.status == 0, "\(kvno)")
        }
        let klist = try await Child.run(
            BuiltExecutable.system("klist", package: "krb5-user"), ["-f", "-e"], environment: environment)
        try #require(klist.status == 0, "\(klist)")
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "MM/dd/yy HH:mm:ss"
        let time = #"(\d\d/\d\d/\d\d \d\d:\d\d:\d\d)"#
        let pattern = try Regex(
            #"\#(time)  \#(time)  (\S+)\n\t(?:renew until \#(time), )?Flags: (\w*)[,\s]+Etype \(skey, tkt\): \S+, (\S+)"#,
            as: (Substring, Substring, Substring, Substring, Substring?, Substring, Substring).self)
        return try klist.stdout.matches(of: pattern).map { match in
            let (_, from, until, server, renewable, flags, type) = match.output
            let start = try #require(format.date(from: String(from)))
            let end = try #require(format.date(from: String(until)))
            return Ticket(
                server: String(server), flags: String(flags), lifetime: end.timeIntervalSince(start),
                renewableLifetime: try renewable.map {
                    try #require(format.date(from: String($0))).timeIntervalSince(start)
                },
                encryptionType: String(type))
        }
    }

    @Test(
        "A service that has been made none, locked or expired has no tickets to give",
        arguments: [
            (PrincipalTrait.notAService, KDCEvent.Outcome.notAService, "Server principal valid for user2user only"),
            (.locked, .serverLocked, "Server not found in Kerberos database"),
            (.expired, .serverExpired, "Server's entry in database has expired"),
            (nil, .serverNotFoundByTicket, "Server not found in Kerberos database"),
        ] as [(PrincipalTrait?, KDCEvent.Outcome, String)])
    func service(trait: PrincipalTrait?, outcome: KDCEvent.Outcome, reason: String) async throws {
        let shared = try await SharedRealm.shared
        let name = "svc/host\(UInt64.random(in: .min ... .max))"
        if let trait { try await shared.realm.addPrincipals([NewPrincipal(name, traits: [trait])]) }
        let kvno = try await Child.run(
            BuiltExecutable.system("kvno", package: "krb5-user"), [name],
            environment: shared.realm.environment(cache: shared.annCache))
        #expect(kvno.status != 0, "\(kvno)")
        let event = try await shared.realm.waitForEvent { $0.server == "\(name)@EXAMPLE.TEST" }
        #expect(event.kind == .ticketGranting && event.outcome == outcome && event.error == reason, "\(event)")
    }

    @Test("A service that is not there is another outcome where no ticket leads to it")
    func serviceByPassword() async throws {
        let shared = try await SharedRealm.shared
        let name = "svc/host\(UInt64.random(in: .min ... .max))"
        await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.makeCache("ann", password: shared.annPassword, options: ["-S", name])
        }
        let event = try await shared.realm.waitForEvent { $0.server == "\(name)@EXAMPLE.TEST" }
        #expect(event.kind == .authentication && event.outcome == .serverNotFound, "\(event)")
    }

    @Test("Services' traits show in their tickets: delegation, and the type of key")
    func services() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipals([
                NewPrincipal("ann", password: "secret"), NewPrincipal("plain/x"),
                NewPrincipal("delegate/x", traits: [.okAsDelegate]),
                NewPrincipal("small/x", traits: [.encryptionTypes(["aes128-cts-hmac-sha1-96"])]),
            ])
            let tickets = try await tickets(realm, services: ["plain/x", "delegate/x", "small/x"])
            let flags = tickets.map { "\($0.server) \($0.flags.contains("O"))" }
            #expect(
                flags == [
                    "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST false", "plain/x@EXAMPLE.TEST false",
                    "delegate/x@EXAMPLE.TEST true", "small/x@EXAMPLE.TEST false",
                ])
            #expect(tickets.map { $0.encryptionType.hasPrefix("aes128") } == [false, false, false, true])
        }
    }

    @Test("Users' traits show in their tickets: what cannot be forwarded or renewed, and for how long they live")
    func users() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipals([
                NewPrincipal("plain", password: "secret"),
                NewPrincipal("stay", password: "secret", traits: [.notForwardable]),
                NewPrincipal("once", password: "secret", traits: [.notRenewable]),
                NewPrincipal("short", password: "secret", traits: [.maximumLifetime(.seconds(600))]),
                NewPrincipal("brief", password: "secret", traits: [.maximumRenewableLifetime(.seconds(1200))]),
            ])
            var found: [String: Ticket] = [:]
            for user in ["plain", "stay", "once", "short", "brief"] {
                let tickets = try await tickets(realm, user: user, kinit: ["-f", "-l", "1h", "-r", "5h"])
                found[user] = tickets.first
                #expect(tickets.count == 1)
            }
            #expect(
                found.mapValues { $0.flags.contains("F") }.filter(\.value).keys.sorted() == [
                    "brief", "once", "plain", "short",
                ])
            // kinit asks for an end, and a second may pass until the KDC writes down the beginning.
            #expect(
                found.mapValues { $0.renewableLifetime.map { ($0 / 60).rounded() * 60 } }
                    == ["plain": 18_000, "stay": 18_000, "once": nil, "short": 18_000, "brief": 1200])
            #expect(
                found.mapValues { ($0.lifetime / 60).rounded() * 60 }
                    == ["plain": 3600, "stay": 3600, "once": 3600, "short": 600, "brief": 3600])
        }
    }
}

import Foundation
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// Unusual names and tickets, compared with other drivers: where they connect, so do we. Load balancers and arbiters
/// are in `HostileAcceptorTests`, certificates in `CertificateChainTests`. `docs/interoperability.md` has the table.
@Suite struct OtherDriverTests {
    private func ask(_ uri: String, in world: NameWorld) async throws -> OtherDriver.Answers {
        try await OtherDriver.ask(uri) { try await world.run($0, $1) }
    }

    /// libmongoc has no SERVICE_HOST, and the system's resolver no IDNA where nobody asks for it.
    @Test func aNameBeyondASCII() async throws {
        let world = try await NameWorld.shared
        let uri = gssapiURI(world.realm.ann, "bücher.dns.test")
        #expect(try await world.check(uri).status == 0)
        let others = try await ask(uri, in: world)
        #expect(others.connected(as: world.realm.ann) == [.pyMongo], "\(others)")
    }

    @Test func aNameWithAnUnderscore() async throws {
        let world = try await NameWorld.shared
        let uri = commonURI(world.realm.ann, "my_mongo:27019") + (try await TLSURIOptions().uriSuffix)
        let outcome = try await world.check(uri)
        #expect(outcome.status == 0, "\(outcome)")
        let others = try await ask(uri, in: world)
        #expect(others.connected(as: world.realm.ann) == [.pyMongo, .libmongoc], "\(others)")
    }

    /// A name server with an answer of more than 512 bytes, and without TCP. The client uses one of its servers: other
    /// drivers do not connect to ten that are not a replica set.
    @Test func aLongSeedlistWithoutTCP() async throws {
        let world = try await NameWorld.shared
        let uri =
            commonURI(world.realm.ann, "wide.srv.test")
            .replacing("mongodb://", with: "mongodb+srv://", maxReplacements: 1) + "&tls=false"
        let outcome = try await world.check(uri)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.map(\.host).sorted() == NameWorld.wideHosts.sorted())
        let others = try await ask(uri + "&srvMaxHosts=1", in: world)
        #expect(others.connected(as: world.realm.ann) == [.pyMongo, .libmongoc], "\(others)")
    }

    /// Two addresses, of which the first is down: PyMongo asks for the service of that one, and fails. libmongoc asks for that of
    /// the address that it is connected to.
    @Test func theNameOfTheAddressThatIsConnectedTo() async throws {
        let world = try await NameWorld.shared
        let uri = gssapiURI(
            world.realm.ann, "split.dns.test", properties: "CANONICALIZE_HOST_NAME:forwardAndReverse")
        let outcome = try await world.check(uri)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.first?.attempts.map(\.address) == [NameWorld.dead4, NameWorld.named])
        #expect(outcome.report.hosts.first?.kerberos?.serviceTicket?.server.hasPrefix("mongodb/db.srv.test@") == true)
        let others = try await ask(commonURI(world.realm.ann, "split.dns.test"), in: world)
        #expect(others.connected == [.libmongoc], "\(others)")
    }

    /// The collection's primary cache is the user's and expired, another one is the user's and valid: GSS-API takes the
    /// first, and with it other drivers fail.
    @Test func theGoodCacheOfACollection() async throws {
        let realm = try await SharedRealm.shared
        let folder = "\(realm.realm.folder)/collection-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let expired = try await realm.realm.makeCache("ann", password: realm.annPassword, lifetime: .seconds(1))
        for (source, name) in [(expired, "tkt"), (realm.annCache, "tktgood")] {
            try FileManager.default.copyItem(
                atPath: String(source.dropFirst("FILE:".count)), toPath: "\(folder)/\(name)")
        }
        try "tkt\n".write(toFile: "\(folder)/primary", atomically: true, encoding: .utf8)
        let klist = try BuiltExecutable.system("klist", package: "krb5-user")
        let isExpired = try await becomesTrue {
            try await Child.run(klist, ["-s", "-c", expired], environment: realm.realm.environment()).status != 0
        }
        #expect(isExpired)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let environment = realm.realm.environment(cache: "DIR:\(folder)")
        let outcome = try await AuthCheck.check(uri, environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.kerberos?.cache?.name == "DIR::\(folder)/tktgood", "\(outcome)")
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(server.port)), environment: environment)
        #expect(others.connected == [], "\(others)")
        #expect(others.words(.pyMongo).lowercased().contains("expired"), "\(others)")
        try await server.stop()
    }

    /// The service has a new key, and the cache a ticket for the old one: others are refused until it ends.
    @Test func aTicketForAnOldKey() async throws {
        let realm = try await SharedRealm.start()
        let old = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let environment = realm.realm.environment(cache: realm.annCache)
        let before = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(old.port)), environment: environment)
        #expect(before.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(before)")
        try await old.stop()
        try await realm.realm.changeKey("mongodb/localhost")
        let new = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.realm.makeKeytab(for: ["mongodb/localhost"]), users: [realm.ann],
            listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(new.port))
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(new.port)), environment: environment)
        #expect(others.connected == [], "\(others)")
        let outcome = try await AuthCheck.check(uri, environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
        try await new.stop()
        await realm.realm.stop()
    }
}

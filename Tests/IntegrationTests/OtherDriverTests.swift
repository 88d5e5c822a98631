import Foundation
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// What PyMongo makes of names and tickets that are not as simple as one would wish, beside this client: where it connects, so do
/// we. Load balancers and arbiters are in `HostileAcceptorTests`.
@Suite struct OtherDriverTests {
    private func pyMongo(_ uri: String, in world: NameWorld) async throws -> Child.Result {
        let (program, arguments) = try PyMongo.invocation("connectionStatus", uri)
        return try await world.run(program, arguments)
    }

    @Test func aNameBeyondASCII() async throws {
        let world = try await NameWorld.shared
        let uri = gssapiURI(world.realm.ann, "bücher.dns.test")
        #expect(try await world.check(uri).status == 0)
        let other = try await pyMongo(uri, in: world)
        #expect(other.status == 0 && other.stdout.contains(world.realm.ann), "\(other)")
    }

    /// A name server that has more than 512 bytes to tell, and takes no TCP. PyMongo's own resolver reads them; it cannot go on, as
    /// it takes ten servers that are no replica set for a mistake.
    @Test func aLongSeedlistWithoutTCP() async throws {
        let world = try await NameWorld.shared
        let uri =
            gssapiURI(world.realm.ann, "wide.srv.test", properties: "SERVICE_HOST:db.srv.test")
            .replacing("mongodb://", with: "mongodb+srv://", maxReplacements: 1) + "&tls=false"
        let outcome = try await world.check(uri)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.map(\.host).sorted() == NameWorld.wideHosts.sorted())
        let script = """
            import sys, pymongo.uri_parser
            print(*sorted(host for host, port in pymongo.uri_parser.parse_uri(sys.argv[1])["nodelist"]))
            """
        let python = try PyMongo.invocation("", "").program
        let other = try await world.run(python, ["-c", script, uri])
        #expect(other.stdout == NameWorld.wideHosts.sorted().joined(separator: " ") + "\n", "\(other)")
    }

    /// Two addresses, of which the first is down: PyMongo asks for the service of that one, and fails.
    @Test func theNameOfTheAddressThatIsConnectedTo() async throws {
        let world = try await NameWorld.shared
        let uri = gssapiURI(
            world.realm.ann, "split.dns.test", properties: "CANONICALIZE_HOST_NAME:forwardAndReverse")
        let outcome = try await world.check(uri)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.first?.attempts.map(\.address) == [NameWorld.dead4, NameWorld.named])
        #expect(outcome.report.hosts.first?.kerberos?.serviceTicket?.server.hasPrefix("mongodb/db.srv.test@") == true)
        let other = try await pyMongo(uri, in: world)
        #expect(other.status != 0, "\(other)")
    }

    /// The collection's primary cache is the user's and expired, another one is the user's and good: GSS-API takes the first, and
    /// with it PyMongo fails.
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
        let other = try await PyMongo.connectionStatus(uri, environment: environment)
        #expect(other.status != 0 && other.stderr.lowercased().contains("expired"), "\(other)")
        try await server.stop()
    }

    /// The service has a new key, and the cache a ticket for the old one: others are refused until it ends.
    @Test func aTicketForAnOldKey() async throws {
        let realm = try await SharedRealm.start()
        let old = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let environment = realm.realm.environment(cache: realm.annCache)
        let before = try await PyMongo.connectionStatus(
            gssapiURI(realm.ann, Family.ipv4.authority(old.port)), environment: environment)
        #expect(before.status == 0, "\(before)")
        try await old.stop()
        try await realm.realm.changeKey("mongodb/localhost")
        let new = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.realm.makeKeytab(for: ["mongodb/localhost"]), users: [realm.ann],
            listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(new.port))
        let refused = try await PyMongo.connectionStatus(uri, environment: environment)
        #expect(refused.status != 0, "\(refused)")
        let outcome = try await AuthCheck.check(uri, environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
        try await new.stop()
        await realm.realm.stop()
    }
}

import TestSupport
import Testing

/// `mongodb+srv` from end to end: SRV and TXT records through the system's resolver configuration, then GSSAPI.
@Suite struct ServiceRecordTests {
    private func uri(_ world: NameWorld, _ cluster: String, _ options: String = "&tls=false") -> String {
        gssapiURI(world.realm.ann, "\(cluster).srv.test", properties: "")
            .replacing("mongodb://", with: "mongodb+srv://", maxReplacements: 1) + options
    }

    /// The service is that of the host in the SRV record: `mongodb/db.srv.test`. `large` gets its answers over TCP.
    @Test(arguments: ["plain", "large"])
    func theRecordsLeadToTheServer(_ cluster: String) async throws {
        let world = try await NameWorld.shared
        let outcome = try await world.check(uri(world, cluster))
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.map { "\($0.host):\($0.port)" } == ["db.srv.test:27017"])
        #expect(outcome.report.hosts.first?.identity?.user == world.realm.ann)
    }

    /// A name that does not exist may exist under the search list of resolv.conf: that is reported, but not connected
    /// to.
    @Test(arguments: ["short", "short."])
    func aShortNameMayBeInTheSearchList(name: String) async throws {
        let world = try await NameWorld.shared
        let uri = gssapiURI(world.realm.ann, name, properties: "")
            .replacing("mongodb://", with: "mongodb+srv://", maxReplacements: 1)
        let outcome = try await world.check(uri)
        #expect(outcome.status == 10, "\(outcome)")
        #expect(outcome.report.hosts.isEmpty)
        #expect(outcome.failure?.hint?.contains("write mongodb+srv://short.dns.test") == true, "\(outcome)")
    }

    /// Nothing else is wrong with such a string.
    @Test func aNameOfTheRecordsIsNoHost() async throws {
        let world = try await NameWorld.shared
        let outcome = try await world.check(gssapiURI(world.realm.ann, "plain.srv.test", properties: ""))
        #expect(outcome.status == 10, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("write mongodb+srv://plain.srv.test/") == true, "\(outcome)")
    }

    /// The second is another service than its name says: each host is checked, and each for itself.
    @Test func everyHostOfTheRecordsIsChecked() async throws {
        let world = try await NameWorld.shared
        let outcome = try await world.check(uri(world, "two"))
        #expect(outcome.report.hosts.map(\.host) == ["db.srv.test", "other.srv.test"])
        #expect(outcome.report.hosts.map(\.result) == ["ok", "failed"])
        #expect(outcome.status == 23, "\(outcome)")
        #expect(outcome.failure?.host == "other.srv.test:27017")
    }

    /// The server is without TLS, which is on by default.
    @Test func encryptionIsTheDefault() async throws {
        let world = try await NameWorld.shared
        let outcome = try await world.check(uri(world, "plain", ""))
        #expect(outcome.status == 12, "\(outcome)")
        #expect(outcome.failure?.phase == "tls")
        #expect(outcome.failure?.hint?.contains("mongodb+srv turns TLS on by default") == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("write tls=false") == true, "\(outcome)")
    }

    private static let failures: [(cluster: String, status: Int32, texts: [String])] = [
        ("missing", 10, ["_mongodb._tcp.missing.srv.test", "does not exist"]),
        ("no-servers", 10, ["_mongodb._tcp.no-servers.srv.test", "does not exist"]),
        ("failing", 10, ["_mongodb._tcp.failing.srv.test", "SERVFAIL"]),
        ("silent", 40, ["_mongodb._tcp.silent.srv.test", "deadline"]),
        ("silent-text", 40, ["silent-text.srv.test", "deadline"]),
        ("foreign", 10, ["both.dns.test", ".srv.test"]),
        ("two-texts", 10, ["two-texts.srv.test", "2 TXT records"]),
        ("bad-text", 10, ["bad-text.srv.test", "authSource, replicaSet and loadBalanced only"]),
    ]

    @Test(arguments: failures)
    func recordsThatLeadNowhere(cluster: String, status: Int32, texts: [String]) async throws {
        let world = try await NameWorld.shared
        // The resolver asks a silent server for five seconds.
        let outcome = try await world.check(uri(world, cluster), timeout: status == 40 ? "1s" : "60s")
        #expect(outcome.status == status, "\(outcome)")
        #expect(outcome.failure?.phase == "dns")
        for text in texts { #expect(outcome.failure?.message.contains(text) == true, "\(text): \(outcome)") }
        #expect(outcome.failure?.hint?.isEmpty == false)
        #expect(outcome.report.hosts.isEmpty)
    }

    @Test func aHostOfTheRecordsMayBeMissing() async throws {
        let world = try await NameWorld.shared
        let outcome = try await world.check(uri(world, "lost"))
        #expect(outcome.status == 10, "\(outcome)")
        #expect(outcome.failure?.host == "nowhere.srv.test:27017")
    }
}

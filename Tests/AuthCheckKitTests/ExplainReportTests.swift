import Foundation
import SaslConnectionString
import TestSupport
import Testing

@testable import AuthCheckKit

@Suite struct ExplainReportTests {
    private func report(_ uri: String) throws -> ExplainReport {
        ExplainReport(try MongoConnectionString(parsing: uri))
    }

    private func json(_ uri: String) throws -> [String: Any] {
        let data = Data(try report(uri).json().utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func jsonHasTheKeysOfTheContract() throws {
        let json = try json(
            "mongodb://ann%40EXAMPLE.COM:hunter2@db.example.com,10.0.0.1:27018,[fe80::1%25eth0],%2Ftmp%2Fx.sock/app"
                + "?authMechanism=GSSAPI&authMechanismProperties=SERVICE_REALM:CORP&w=2&nonsense=1")
        let hosts = try #require(json["hosts"] as? [[String: Any]])
        #expect(hosts.map { $0["host"] as? String } == ["db.example.com", "10.0.0.1", "fe80::1%eth0", "/tmp/x.sock"])
        #expect(hosts.map { $0["type"] as? String } == ["hostname", "ipv4", "ip_literal", "unix"])
        #expect(hosts.map { $0["port"] as? Int } == [27017, 27018, 27017, nil])
        #expect(hosts[3]["port"] is NSNull)
        let credential = try #require(json["credential"] as? [String: Any])
        #expect(credential["username"] as? String == "ann@EXAMPLE.COM")
        #expect(credential["passwordSet"] as? Bool == true)
        #expect(credential["source"] as? String == "$external")
        #expect(credential["mechanism"] as? String == "GSSAPI")
        #expect(
            credential["mechanismProperties"] as? [String: String]
                == ["SERVICE_NAME": "mongodb", "SERVICE_REALM": "CORP"])
        #expect(json["database"] as? String == "app")
        let options = try #require(json["options"] as? [String: Any])
        #expect(options["w"] as? Int == 2)
        // One for the unknown option, and one for each host without a name.
        #expect((json["warnings"] as? [String])?.count == 4)
        #expect(json["schema"] as? String == "authcheck.explain/1")
        let names = ["db.example.com", "10.0.0.1", "fe80::1", "localhost"]
        #expect(hosts.map { $0["principal"] as? String } == names.map { "mongodb/\($0)@CORP" })
    }

    /// Where the DNS decides there is nothing to tell yet; a document without a credential is one of the schema, too.
    @Test(arguments: [
        ("mongodb://ann%40R@DB.example.com./?authMechanism=GSSAPI", "mongodb/db.example.com"),
        ("mongodb://ann%40R@db/?authMechanism=GSSAPI&authMechanismProperties=CANONICALIZE_HOST_NAME:forward", nil),
        ("mongodb+srv://ann%40R@db.example.com/?authMechanism=GSSAPI", nil),
        (
            "mongodb+srv://ann%40R@db.example.com/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_HOST:a.b",
            "mongodb/a.b"
        ),
        ("mongodb://db.example.com/", nil),
    ])
    func thePrincipal(uri: String, principal: String?) throws {
        let report = try report(uri)
        #expect(report.hosts.map(\.principal) == [principal])
        #expect(report.text(TextStyle()).contains("  principal   ") == (principal != nil))
        try JSONSchema("authcheck.explain").check(report.json())
    }

    @Test(arguments: [
        ("db.example.com", "", []), ("127.0.0.1", "", ["the address 127.0.0.1"]), ("[::1]", "", ["the address ::1"]),
        ("[fe80::1%25eth0]", "", ["the address fe80::1"]), ("127.0.0.1,127.0.0.1:1", "", ["the address 127.0.0.1"]),
        ("127.0.0.1", "SERVICE_HOST:db.example.com", []), ("127.0.0.1", "CANONICALIZE_HOST_NAME:true", []),
        ("127.0.0.1", "CANONICALIZE_HOST_NAME:forward", ["the address 127.0.0.1"]),
        ("db.example.com", "SERVICE_HOST:127.0.0.1", ["the address 127.0.0.1"]),
        ("%2Ftmp%2Fx.sock", "", ["the socket /tmp/x.sock has no host name"]),
        ("%2Ftmp%2Fx.sock", "SERVICE_HOST:db.example.com", []),
        ("%2Ftmp%2Fx.sock,[::1]", "", ["the socket /tmp/x.sock has no host name", "the address ::1"]),
    ])
    func hostsWithoutNamesAreWarnedOf(hosts: String, properties: String, expected: [String]) throws {
        let suffix = properties.isEmpty ? "" : "&authMechanismProperties=\(properties)"
        let warnings = try report("mongodb://ann%40CORP@\(hosts)/?authMechanism=GSSAPI\(suffix)").warnings
        #expect(warnings.count == expected.count, "\(warnings)")
        for (warning, words) in zip(warnings, expected) {
            #expect(warning.contains(words) && warning.contains("SERVICE_HOST"))
        }
        // Only Kerberos has names of services.
        #expect(try report("mongodb://ann:x@\(hosts)/?authMechanism=PLAIN&tls=true").warnings.isEmpty)
    }

    /// Revocation is never checked online, with or without these options; their users rely on it.
    @Test(arguments: ["tlsDisableOCSPEndpointCheck", "tlsDisableCertificateRevocationCheck"])
    func optionsWithoutEffectAreWarnedOf(option: String) throws {
        let string = "mongodb://ann%40CORP@db.example.com/?authMechanism=GSSAPI&\(option)="
        for value in [true, false] {
            #expect(
                try report(string + "\(value)&tls=true").warnings.first?.hasPrefix("\(option) has no effect") == true)
            #expect(try report(string + "\(value)&tls=false").warnings.isEmpty)
        }
    }

    @Test func absentValuesAreNull() throws {
        let json = try json("mongodb://localhost")
        #expect(json["credential"] is NSNull)
        #expect(json["database"] is NSNull)
        #expect(json["tls"] as? Bool == false)
    }

    @Test(arguments: [
        "mongodb://ann:hunter2@db/?authMechanism=PLAIN",
        "mongodb://ann:hunter2@db/?tls=true&tlsCertificateKeyFile=/k.pem&tlsCertificateKeyFilePassword=hunter2",
        "mongodb://k:hunter2@db/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:hunter2",
    ])
    func noFormShowsASecret(uri: String) throws {
        let report = try report(uri)
        #expect(!(try report.json()).contains("hunter2"))
        #expect(!report.text(TextStyle()).contains("hunter2"))
        #expect(!String(reflecting: report).contains("hunter2"))
    }

    /// Every error, and of the string only names that the specifications have; with one error the text is that of a
    /// check.
    @Test(arguments: [
        ("mongodb://u:hunter2:x@a:0/$hunter2?authMechanism=hunter2", 4), ("mongodb://hunter2:0/", 1), ("hunter2", 1),
    ])
    func refusals(uri: String, count: Int) throws {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: uri) }
        let refusal = ExplainRefusal(error, in: uri, given: uri)
        #expect(refusal.errors.count == count && refusal.exitStatus == 64)
        let text = refusal.text(TextStyle())
        let first = CheckReport(error, given: uri).text(TextStyle())
        if count == 1 {
            #expect(text == first)
        } else {
            let head = first.trimmingCharacters(in: .newlines)
            #expect(text.hasPrefix("\(head)\n\n\(count - 1) more errors:\n"), "\(text)")
        }
        try JSONSchema("authcheck.explain").check(refusal.json())
        // A string that is a host's name alone is repeated in the advice, as `check` does.
        if uri.contains("://") {
            #expect(!text.contains("hunter2"), "\(text)")
            #expect(!(try refusal.json()).contains("hunter2"))
        }
    }

    @Test func textSaysWhatADriverWouldDo() throws {
        let text = try report("mongodb+srv://ann%40CORP@cluster.example.com/?authMechanism=GSSAPI&w=2").text(
            TextStyle())
        #expect(
            text == """
                mongodb+srv://ann%40CORP@cluster.example.com/?authMechanism=GSSAPI&w=2
                  hosts       cluster.example.com (by its SRV records)
                  tls         yes
                  mechanism   GSSAPI
                  user        ann@CORP
                  password    not set
                  source      $external
                  property    SERVICE_NAME = mongodb
                  option      authMechanism=GSSAPI
                  option      w=2
                """)
    }
}

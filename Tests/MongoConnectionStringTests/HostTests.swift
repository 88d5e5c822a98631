import SaslConnectionString
import Testing

@Suite("Hosts") struct HostTests {
    typealias Host = MongoConnectionString.Host

    @Test(
        "accepted",
        arguments: [
            ("LocalHost", Host(name: "localhost", kind: .hostname)),
            ("a:1", Host(name: "a", port: 1, kind: .hostname)),
            ("a:65535", Host(name: "a", port: 65535, kind: .hostname)),
            ("a:00027018", Host(name: "a", port: 27018, kind: .hostname)),
            ("db.example.com.", Host(name: "db.example.com.", kind: .hostname)),
            ("d%62_1.example.com", Host(name: "db_1.example.com", kind: .hostname)),
            // Unicode's rules would make another host of it.
            ("B%C3%9CCHER.example", Host(name: "bÜcher.example", kind: .hostname)),
            ("%E2%84%AA.example", Host(name: "\u{212A}.example", kind: .hostname)),
            ("1.2.3.4:27018", Host(name: "1.2.3.4", port: 27018, kind: .ipv4)),
            ("01.2.3.4", Host(name: "01.2.3.4", kind: .hostname)),
            ("1.2.3", Host(name: "1.2.3", kind: .hostname)),
            ("[::]", Host(name: "::", kind: .ipLiteral)),
            ("[2001:DB8::1]:27018", Host(name: "2001:db8::1", port: 27018, kind: .ipLiteral)),
            ("[1:2:3:4:5:6:7:8]", Host(name: "1:2:3:4:5:6:7:8", kind: .ipLiteral)),
            ("[1:2:3:4:5:6:7::]", Host(name: "1:2:3:4:5:6:7::", kind: .ipLiteral)),
            ("[::ffff:192.0.2.1]", Host(name: "::ffff:192.0.2.1", kind: .ipLiteral)),
            ("[fe80::1%25eth0]:1", Host(name: "fe80::1", port: 1, kind: .ipLiteral, zone: "eth0")),
            ("[fe80::1%eth0]", Host(name: "fe80::1", kind: .ipLiteral, zone: "eth0")),
            ("[fe80::1%25en%2D1]", Host(name: "fe80::1", kind: .ipLiteral, zone: "en-1")),
            ("[fe80::1%25]", Host(name: "fe80::1", kind: .ipLiteral, zone: "25")),
            ("[fe80::1%252]", Host(name: "fe80::1", kind: .ipLiteral, zone: "2")),
            ("[fe80::1%2]", Host(name: "fe80::1", kind: .ipLiteral, zone: "2")),
            ("%2Ftmp%2Fa%3Ab%40c.sock", Host(name: "/tmp/a:b@c.sock", kind: .unix)),
        ]) func accepted(_ text: String, _ expected: Host) throws
    {
        let string = try MongoConnectionString(parsing: "mongodb://\(text)/")
        #expect(string.hosts == [expected])
        let again = try MongoConnectionString(parsing: string.description)
        #expect(again.hosts == [expected])
    }

    @Test(
        "a host as text",
        arguments: [
            ("[fe80::1%25eth0]:1", "[fe80::1%25eth0]:1", "fe80::1%eth0"),
            ("A:27017", "a", "a"),
            ("%2Ftmp%2fx.sock", "%2Ftmp%2Fx.sock", "/tmp/x.sock"),
        ]) func text(_ text: String, _ description: String, _ scoped: String) throws
    {
        let host = try #require(try MongoConnectionString(parsing: "mongodb://\(text)").hosts.first)
        #expect(host.description == description)
        #expect(host.scopedName == scoped)
    }

    @Test(
        "refused",
        arguments: [
            ("mongodb://a:", ConnectionStringError.Code.invalidPort, 12, "host 1"),
            ("mongodb://a:0", .invalidPort, 12, "host 1"),
            ("mongodb://a:65536", .invalidPort, 12, "host 1"),
            ("mongodb://a:+1", .invalidPort, 12, "host 1"),
            ("mongodb://a:-1", .invalidPort, 12, "host 1"),
            ("mongodb://a:1a", .invalidPort, 12, "host 1"),
            ("mongodb://a:٣", .invalidPort, 12, "host 1"),
            ("mongodb://a:99999999999999999999", .invalidPort, 12, "host 1"),
            ("mongodb://[::1]:", .invalidPort, 16, "host 1"),
            ("mongodb://a,b:x,c", .invalidPort, 14, "host 2"),
            ("mongodb://u:p@a,b:0", .invalidPort, 18, "host 2"),
            ("mongodb://%2Ftmp%2Fx.sock:1", .invalidPort, 10, "host 1"),
            ("mongodb://%2Ftmp%2Fx", .invalidHost, 10, "host 1"),
            ("mongodb://:27017", .invalidHost, 10, "host 1"),
            ("mongodb://a,,b", .invalidHost, 12, "host 2"),
            ("mongodb://a,", .invalidHost, 12, "host 2"),
            ("mongodb://,a", .invalidHost, 10, "host 1"),
            ("mongodb://a..b", .invalidHost, 10, "host 1"),
            ("mongodb://.", .invalidHost, 10, "host 1"),
            ("mongodb://a b", .invalidHost, 10, "host 1"),
            ("mongodb://a%00b", .invalidHost, 10, "host 1"),
            ("mongodb://a%40b", .invalidHost, 10, "host 1"),
            ("mongodb://::1", .invalidHost, 10, "host 1"),
            ("mongodb://fe80::1:27017", .invalidHost, 14, "host 1"),
            ("mongodb://[::1", .invalidHost, 10, "host 1"),
            ("mongodb://[::1]27017", .invalidHost, 15, "host 1"),
            ("mongodb://[]", .invalidHost, 11, "host 1"),
            ("mongodb://[1.2.3.4]", .invalidHost, 11, "host 1"),
            ("mongodb://[:::]", .invalidHost, 11, "host 1"),
            ("mongodb://[1::2::3]", .invalidHost, 11, "host 1"),
            ("mongodb://[1:2:3:4:5:6:7]", .invalidHost, 11, "host 1"),
            ("mongodb://[1:2:3:4:5:6:7:8:9]", .invalidHost, 11, "host 1"),
            ("mongodb://[1:2:3:4::5:6:7:8]", .invalidHost, 11, "host 1"),
            ("mongodb://[::12345]", .invalidHost, 11, "host 1"),
            ("mongodb://[::1.2.3.256]", .invalidHost, 11, "host 1"),
            ("mongodb://[::1.2.3.4:1]", .invalidHost, 11, "host 1"),
            ("mongodb://[1:]", .invalidHost, 11, "host 1"),
            ("mongodb://[v1.x]", .invalidHost, 11, "host 1"),
            ("mongodb://[::1%]", .invalidHost, 15, "host 1"),
            ("mongodb://[::1%25%2F]", .invalidHost, 17, "host 1"),
            ("mongodb://[::1%25%]", .invalidEncoding, 17, "host 1"),
            ("mongodb://a%zz", .invalidEncoding, 11, "host 1"),
            ("mongodb://a%4", .invalidEncoding, 11, "host 1"),
            ("mongodb://a%FF", .invalidEncoding, 10, "host 1"),
            ("mongodb:///db", .missingHost, 10, "host 1"),
            ("mongodb://u@/db", .missingHost, 12, "host 1"),
            ("mongodb://?w=1", .missingHost, 10, "host 1"),
            ("mongodb+srv://a.b.c:27017", .invalidPort, 14, "host 1"),
            ("mongodb+srv://a.b.c,d.e.f", .invalidHost, 14, "host 1"),
            ("mongodb+srv://127.0.0.1", .invalidHost, 14, "host 1"),
            ("mongodb+srv://[::1]", .invalidHost, 14, "host 1"),
            ("mongodb+srv://%2Fx.sock", .invalidHost, 14, "host 1"),
        ]) func refused(_ text: String, _ code: ConnectionStringError.Code, _ offset: Int, _ part: String) throws
    {
        let error = try #require(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        #expect(error.code == code)
        #expect(error.offset == offset)
        #expect(error.part == part)
    }

    @Test("a name of 253 bytes is the longest") func longNames() throws {
        let name = String(repeating: "a", count: 253)
        #expect(try MongoConnectionString(parsing: "mongodb://\(name)").hosts.first?.name == name)
        #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: "mongodb://\(name)a") }
    }

    @Test("mongodb+srv takes short names", arguments: ["localhost", "mongo.local", "A.Example.COM"])
    func shortSRVNames(_ name: String) throws {
        let string = try MongoConnectionString(parsing: "mongodb+srv://\(name)/")
        #expect(string.isSRV)
        #expect(string.hosts.map(\.name) == [name.lowercased()])
    }
}

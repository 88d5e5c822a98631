import SaslConnectionString
import SecretMemory
import Testing

@Suite("What DNS adds to mongodb+srv") struct ResolvedTests {
    static let hosts = ["a.x.y", "b.x.y"].map { MongoConnectionString.Host(name: $0, port: 27018, kind: .hostname) }

    static func parse(_ options: String) throws -> MongoConnectionString {
        try MongoConnectionString(parsing: "mongodb+srv://u:p@h.x.y/db?\(options)")
    }

    @Test("hosts and defaults are taken") func defaults() throws {
        let string = try Self.parse("tls=false").resolved(hosts: Self.hosts, txt: "authSource=other&replicaSet=rs")
        #expect(string.hosts == Self.hosts)
        #expect(string.options.replicaSet == "rs")
        #expect(string.credential?.source == "other")
        #expect(string.credential?.password == Secret("p"))
        #expect(!string.usesTLS)
        #expect(string.warnings.isEmpty)
    }

    @Test("the string's options win") func precedence() throws {
        let string = try Self.parse("authSource=mine&replicaSet=own&loadBalanced=false")
            .resolved(hosts: Self.hosts, txt: "authSource=other&replicaSet=rs&loadBalanced=true")
        #expect(string.credential?.source == "mine")
        #expect(string.options.replicaSet == "own")
        #expect(string.options.loadBalanced == false)
    }

    @Test("without a record nothing changes but the hosts") func noRecord() throws {
        let string = try Self.parse("replicaSet=own")
        let resolved = try string.resolved(hosts: Self.hosts, txt: nil)
        #expect(resolved.hosts == Self.hosts)
        #expect(resolved.options == string.options)
        #expect(resolved.credential == string.credential)
    }

    @Test("a bad value is warned about, as in a string") func badValue() throws {
        let string = try Self.parse("w=1").resolved(hosts: Self.hosts, txt: "loadBalanced=maybe")
        #expect(string.options.loadBalanced == nil)
        #expect(string.warnings.map(\.option) == ["loadBalanced"])
    }

    @Test(
        "refused",
        arguments: [
            ("w=1", "socketTimeoutMS=500", ConnectionStringError.Code.invalidTXTRecord),
            ("w=1", "ssl=false", .invalidTXTRecord),
            ("w=1", "nope=1", .invalidTXTRecord),
            ("w=1", "authSource", .invalidTXTRecord),
            ("w=1", "authSource=", .invalidTXTRecord),
            ("w=1", "authSource=%zz", .invalidTXTRecord),
            ("w=1", "loadBalanced=true", .conflictingOptions),
            ("replicaSet=r", "loadBalanced=true", .conflictingOptions),
            ("srvMaxHosts=1", "replicaSet=r", .conflictingOptions),
            ("authMechanism=GSSAPI", "authSource=other", .invalidCredential),
        ]) func refused(_ options: String, _ txt: String, _ code: ConnectionStringError.Code) throws
    {
        let string = try Self.parse(options)
        let error = try #require(throws: ConnectionStringError.self) {
            try string.resolved(hosts: Self.hosts, txt: txt)
        }
        #expect(error.code == code)
    }

    @Test("no hosts are refused") func noHosts() throws {
        let string = try Self.parse("w=1")
        let error = try #require(throws: ConnectionStringError.self) { try string.resolved(hosts: [], txt: nil) }
        #expect(error.code == .missingHost)
    }
}

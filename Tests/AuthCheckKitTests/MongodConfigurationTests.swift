import Testing

@testable import AuthCheckKit

@Suite struct MongodConfigurationTests {
    private func read(_ text: String) -> MongodConfiguration { MongodConfiguration(Array(text.utf8)) }

    /// Each is one way of writing the same.
    @Test(arguments: [
        "setParameter:\n  saslHostName: db.example.com\n  saslServiceName: svc",
        "setParameter:\r\n\tsaslHostName:  db.example.com \r\n\tsaslServiceName:\tsvc\r\n",
        "\u{FEFF}setParameter:\n saslHostName: db.example.com # the name of today\n saslServiceName: svc\n",
        "# setParameter:\n#   saslHostName: other\nsetParameter:\n  \"saslHostName\": 'db.example.com'\n  saslServiceName: \"svc\"\n",
        "setParameter: { saslHostName: db.example.com, saslServiceName: \"svc\" }\n",
        "setParameter: {saslHostName: 'db.example.com',saslServiceName: svc, authenticationMechanisms: GSSAPI,}\n",
        "setParameter.saslHostName: db.example.com\nsetParameter.saslServiceName: svc\n",
        "security:\n  authorization: enabled\n  sasl:\n    hostName: db.example.com\n    serviceName: svc\nnet:\n  port: 1\n",
        "security: {authorization: enabled, sasl: {hostName: db.example.com, serviceName: svc}}\n",
        "security.sasl:\n  hostName: db.example.com\n  serviceName: svc\n",
        "{ setParameter: { saslHostName: db.example.com, saslServiceName: svc } }",
        "setParameter = saslHostName=db.example.com\nsetParameter=saslServiceName=svc\n",
        "auth = true\nsetParameter = enableLocalhostAuthBypass=0\nsetParameter = saslHostName = db.example.com # x\n"
            + "setParameter = saslServiceName=svc\n",
        // A parameter comes before an option.
        "security:\n  sasl:\n    hostName: other\n    serviceName: other\nsetParameter:\n  saslHostName: db.example.com\n"
            + "  saslServiceName: svc\n",
        // One without a value is none.
        "setParameter:\n  saslHostName: ''\n  saslServiceName: svc\nsecurity:\n  sasl:\n    hostName: db.example.com\n",
        "---\nsetParameter:\n\n  # between\n\n  saslHostName: db.example.com\n  saslServiceName: svc\n",
    ])
    func theNamesAreFound(text: String) {
        let found = read(text)
        #expect(found.hostName?.value == "db.example.com" && found.serviceName?.value == "svc", "\(found)")
        #expect(found.unread.isEmpty, "\(found)")
    }

    @Test func theLineIsKnown() {
        let found = read("net:\n  port: 27017\nsetParameter:\n  saslHostName: db\n")
        #expect(found.hostName == .init(name: "setParameter.saslHostName", value: "db", line: 4))
        #expect(found.serviceName == nil)
    }

    /// Names elsewhere in a file mean something else, or nothing.
    @Test(arguments: [
        "", "saslHostName: db\n", "saslHostName = db\n", "other:\n  saslHostName: db\n",
        "net:\n  sasl:\n    hostName: db\n",
        "setParameter:\n  nested:\n    saslHostName: db\n", "setParameter:\nsaslHostName: db\n",
        "setParameter:\n  note: |\n    text\n    saslHostName: db\n", "security:\n  hostName: db\n",
        "systemLog:\n  path: '/x: {y'\n", "a: [1, {b\n", "setParameterX = saslHostName=db\n",
        "setParameter:\n  saslHostnAme: db\n", "setParameter:\n  saslHostName\u{301}: db\n",
    ])
    func nothingIsFound(text: String) {
        let found = read(text)
        #expect(found.hostName == nil && found.serviceName == nil && found.unread.isEmpty, "\(found)")
    }

    /// Unsupported syntax is reported, with its line.
    @Test(arguments: [
        ("setParameter:\n  saslHostName:\n    __exec: \"hostname -f\"\n    type: string\n", 3),
        ("setParameter:\n  saslServiceName: { __rest: 'https://example.com' }\n", 2),
        ("setParameter: {\n  saslHostName: db }\n", 1), ("setParameter: *shared\n", 1), ("setParameter: &shared\n", 1),
        ("setParameter:\n  saslHostName: >\n    db\n", 2), ("setParameter:\n  saslHostName: !!str db\n", 2),
        ("setParameter:\n  saslHostName: \"d\\x62\"\n", 2), ("setParameter:\n  saslHostName: 'db\n", 2),
        ("security: {sasl: {hostName: db}\n", 1), ("__exec: /usr/bin/conf\ntype: yaml\n", 1),
        ("{ net: { port: 1 }\n", 1),
    ])
    func whatIsNotFollowedIsTold(text: String, line: Int) {
        let found = read(text)
        #expect(found.hostName == nil && found.serviceName == nil, "\(found)")
        #expect(found.unread.map(\.line) == [line], "\(found)")
    }

    /// Expansions and blocks of other settings are ignored.
    @Test func othersAreLeftAlone() {
        let found = read(
            "net:\n  tls:\n    certificateKeyFilePassword:\n      __exec: cat /x\nsystemLog: { a: b\nsetParameter:\n  x: |\n   y\n"
                + "  saslHostName: db\n")
        #expect(found.hostName?.value == "db" && found.unread.isEmpty, "\(found)")
    }

    /// Escapes, and quotation marks without a meaning.
    @Test(arguments: [
        (#""a\"b\\c""#, #"a"b\c"#), ("'it''s'", "it's"), ("it's # not", "it's"), ("a#b", "a#b"), ("'a # b'", "a # b"),
        ("a:b", "a:b"), ("db.example.com", "db.example.com"), ("ma\u{301}", "ma\u{301}"),
    ])
    func values(text: String, value: String) {
        #expect(read("setParameter:\n  saslHostName: \(text)\n").hostName?.value == value)
    }

    /// Whatever is in a file, reading it ends.
    @Test func hostileFiles() {
        let deep = String(repeating: "{a: ", count: 100_000)
        #expect(read("setParameter: \(deep)").unread.count == 1)
        #expect(read(String(repeating: "a:\n ", count: 50_000)).hostName == nil)
        let nested = (0..<2000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        #expect(read(nested).hostName == nil)
        #expect(read(String(repeating: "setParameter: *x\n", count: 10_000)).unread.count == 100)
        var bytes = [UInt8]()
        var state: UInt32 = 1
        for _ in 0..<200_000 {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes.append(UInt8(truncatingIfNeeded: state >> 24))
        }
        #expect(MongodConfiguration(bytes).hostName == nil)
    }
}

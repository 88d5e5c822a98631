import GSSCore
import Testing

@Suite struct GSSContextFlagsTests {
    /// RFC 2744 appendix A.
    private static let flags: [(GSSContextFlags, UInt32, String)] = [
        (.delegation, 1, "deleg"), (.mutualAuthentication, 2, "mutual"), (.replayDetection, 4, "replay"),
        (.sequenceDetection, 8, "sequence"), (.confidentiality, 16, "conf"), (.integrity, 32, "integ"),
        (.anonymity, 64, "anon"), (.protectionReady, 128, "prot_ready"), (.transferable, 256, "trans"),
    ]

    @Test(arguments: flags)
    func bitsAndNames(flag: GSSContextFlags, bit: UInt32, name: String) {
        #expect(flag.rawValue == bit)
        #expect(flag.description == name)
    }

    @Test(
        arguments: [
            ([], "(none)"), ([.integrity, .mutualAuthentication], "mutual, integ"),
            (.init(rawValue: 0x1ff), "deleg, mutual, replay, sequence, conf, integ, anon, prot_ready, trans"),
            (.init(rawValue: 0x8000_0022), "mutual, integ, 0x80000000"), (.init(rawValue: 0x600), "0x600"),
        ] as [(GSSContextFlags, String)])
    func sets(flags: GSSContextFlags, text: String) {
        #expect(flags.description == text)
    }
}

@Suite struct GSSNameTests {
    private static let names: [(GSSName, String, GSSName.Syntax, String)] = [
        (
            .service("mongodb", host: "db.example.com"), "mongodb@db.example.com", .hostBasedService,
            "1.2.840.113554.1.2.1.4"
        ),
        (
            .principal("mongodb/db.example.com@EXAMPLE.COM"), "mongodb/db.example.com@EXAMPLE.COM",
            .kerberosPrincipal, "1.2.840.113554.1.2.2.1"
        ),
        (.principal("ann@EXAMPLE.COM"), "ann@EXAMPLE.COM", .kerberosPrincipal, "1.2.840.113554.1.2.2.1"),
        (GSSName("ann", syntax: .userName), "ann", .userName, "1.2.840.113554.1.2.1.1"),
    ]

    /// The identifiers are those of RFC 2743 section 4.1 and 4.2 and RFC 1964 section 2.1.1.
    @Test(arguments: names)
    func textSyntaxAndIdentifier(name: GSSName, text: String, syntax: GSSName.Syntax, identifier: String) {
        #expect(name.text == text)
        #expect(name.description == text)
        #expect(name.syntax == syntax)
        #expect(name.syntax.identifier.description == identifier)
    }

    @Test func aNameIsItsTextInItsSyntax() {
        #expect(GSSName("a", syntax: .userName) != GSSName("a", syntax: .kerberosPrincipal))
        #expect(GSSName("a", syntax: .userName) == GSSName("a", syntax: .userName))
    }
}

@Suite struct GSSErrorTests {
    struct Text: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var error: GSSError
        var message: String
        var description: String
    }

    private static let texts: [Text] = [
        Text(
            testDescription: "everything known",
            error: GSSError(
                call: "gss_init_sec_context", major: GSSMajorStatus(.failure), minor: 2_529_638_919,
                majorMessages: ["Unspecified GSS failure"], minorMessages: ["Server not found", "in database"],
                subject: "mongodb@db"),
            message: "Server not found; in database",
            description: "gss_init_sec_context for mongodb@db: GSS_S_FAILURE (Unspecified GSS failure), "
                + "minor -1765328377: Server not found; in database"),
        Text(
            testDescription: "no minor message",
            error: GSSError(call: "gss_unwrap", major: GSSMajorStatus(.badSignature), majorMessages: ["A", "B"]),
            message: "A; B", description: "gss_unwrap: GSS_S_BAD_SIG (A; B), minor 0"),
        Text(
            testDescription: "no message at all", error: GSSError(call: "gss_wrap", major: GSSMajorStatus(.noContext)),
            message: "GSS_S_NO_CONTEXT", description: "gss_wrap: GSS_S_NO_CONTEXT, minor 0"),
    ]

    @Test(arguments: texts)
    func messageAndDescription(_ text: Text) {
        #expect(text.error.message == text.message)
        #expect(text.error.description == text.description)
    }
}

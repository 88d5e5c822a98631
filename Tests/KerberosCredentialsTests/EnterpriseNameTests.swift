import KerberosCredentials
import Testing

/// Enterprise names (RFC 6806 section 5), as users of Active Directory know them. `ActiveDirectoryTests` logs in with some.
@Suite struct EnterpriseNameTests {
    @Test(arguments: [
        ("ann@corp.example@REALM", #"ann\@corp.example@REALM"#),
        (#"ann\@corp.example@REALM"#, #"ann\@corp.example@REALM"#),
        // Not those: a realm, none, a service, an escaped backslash, too many of them, a combining mark behind the sign.
        ("ann@REALM", "ann@REALM"), ("ann", "ann"), ("", ""), ("mongodb/a@b@REALM", "mongodb/a@b@REALM"),
        (#"a\\@b@REALM"#, #"a\\\@b@REALM"#), ("a@b@c@REALM", "a@b@c@REALM"), ("a@\u{301}b@R", "a\\@\u{301}b@R"),
        ("a@b@R/x", #"a\@b@R/x"#), (#"a\@b"#, #"a\@b"#),
    ])
    func theFirstSignIsEscaped(name: String, expected: String) {
        #expect(KerberosIdentity.system(user: name).user.map { Array($0.utf8) } == Array(expected.utf8))
        var identity = KerberosIdentity.system()
        identity.user = name
        #expect(identity.user.map { Array($0.utf8) } == Array(expected.utf8))
    }
}

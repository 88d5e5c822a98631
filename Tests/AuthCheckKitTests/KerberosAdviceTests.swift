import Foundation
import GSSCore
import GSSKerberos
import TestSupport
import Testing

@testable import AuthCheckKit

/// From codes to what to do, where no KDC is needed. The errors themselves are produced for real elsewhere.
@Suite struct KerberosAdviceTests {
    private static func advice(
        _ call: String, _ code: String?, text: String = "", names: (inout KerberosAdvice.Names) -> Void = { _ in }
    ) -> KerberosAdvice {
        var given = KerberosAdvice.Names()
        names(&given)
        let error = GSSError(
            call: call, major: GSSMajorStatus(.failure), minor: 1, minorMessages: text.isEmpty ? [] : [text])
        var failure = KerberosFailure(error)
        failure.symbolicName = code
        return KerberosAdvice(failure, names: given)
    }

    @Test(arguments: [nil, "KRB5_ERR_NO_SERVICE"])
    func aCodeThatNobodyKnowsHasNoHint(code: String?) {
        let advice = Self.advice("gss_init_sec_context", code)
        #expect(advice.class == .kerberos)
        #expect(advice.hint == nil)
    }

    @Test(arguments: ["PROF_SECTION_SYNTAX", "KRB5_CONFIG_BADFORMAT"])
    func aConfigurationThatCannotBeRead(code: String) {
        let advice = Self.advice("krb5_init_context", code) { $0.configurationFile = "/etc/other.conf" }
        #expect(advice.class == .kerberos)
        #expect(advice.hint?.hasPrefix("/etc/other.conf is malformed") == true)
    }

    /// The same code means something else for a cache, for a keytab and for everything else.
    @Test(arguments: [
        ("krb5_cc_get_principal", FailureClass.noCredentials, "/c"),
        ("krb5_kt_get_entry", .noCredentials, "/k"), ("krb5_init_context", .kerberos, "/etc/other.conf"),
    ])
    func deniedPermission(call: String, expected: FailureClass, path: String) {
        let advice = Self.advice(call, "EACCES") {
            $0.cache = "FILE:/c"
            $0.keytab = "FILE:/k"
            $0.configurationFile = "/etc/other.conf"
        }
        #expect(advice.class == expected)
        #expect(advice.hint?.contains(path) == true, "\(advice.hint ?? "")")
        #expect(advice.hint?.contains("may not read") == true)
    }

    /// What decrypts wrongly is the user's key while the first ticket is asked for, and the server's proof after that.
    @Test(arguments: [
        ("gss_acquire_cred_from", true), ("krb5_get_init_creds_keytab", true), ("gss_init_sec_context", false),
    ])
    func whatDoesNotDecrypt(call: String, isTheUsersKey: Bool) {
        let advice = Self.advice(call, "KRB5KRB_AP_ERR_BAD_INTEGRITY")
        #expect(advice.class == (isTheUsersKey ? .credentialsRejected : .serverNotProven))
    }

    /// A cache of somebody else can be mended in two ways.
    @Test(arguments: ["KRB5_CC_NOTFOUND", "KG_CCACHE_NOMATCH"])
    func theOtherUserIsNamed(code: String) {
        let other = Self.advice("krb5_cc_cache_match", code) { ($0.user, $0.cacheOwner) = ("ann@R", "bob@R") }
        #expect(other.hint?.contains("`kinit ann@R`, or name bob@R as the user; ") == true, "\(other.hint ?? "")")
        let own = Self.advice("krb5_cc_cache_match", code) { ($0.user, $0.cacheOwner) = ("ann@R", "ann@R") }
        #expect(own.hint?.contains("`kinit ann@R`; ") == true, "\(own.hint ?? "")")
    }

    /// An escaped `@` is part of a name, and a realm can be empty.
    @Test(arguments: [
        ("mongodb/db@", "mongodb/db"), ("mongodb/db\\@", "mongodb/db\\@"), ("mongodb/db\\\\@", "mongodb/db\\\\"),
        ("mongodb/\u{600}@", "mongodb/\u{600}"),
    ])
    func anEmptyRealmIsLeftOut(service: String, shown: String) {
        let advice = Self.advice("gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN") { $0.service = service }
        let bytes = Array((advice.hint ?? "").utf8)
        #expect(bytes.contains(Array(shown.utf8)), "\(advice.hint ?? "")")
        #expect(!bytes.contains(Array("\(shown)@".utf8)))
    }

    @Test func theCommandNamesTheCacheOnlyWhereItMust() {
        let named = Self.advice("krb5_cc_get_principal", "KRB5_FCC_NOFILE") {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
        }
        #expect(named.hint?.contains("`kinit -c DIR:/tmp/caches ann@EXAMPLE.TEST`") == true)
        let byDefault = Self.advice("krb5_cc_get_principal", "KRB5_FCC_NOFILE") {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
            $0.isDefaultCache = true
        }
        #expect(byDefault.hint?.contains("`kinit ann@EXAMPLE.TEST`") == true)
    }

    /// A principal can hold anything: pasted into a shell it must stay one word. A real shell says what it takes it for.
    @Test(arguments: [
        "ann@R", "a b@R", "a;reboot@R", "$(reboot)@R", "a`reboot`@R", "it's@R", "*@R", "a\"b'c@R", "it'\u{301}s@R",
        "a\"\u{301}b@R",
    ])
    func namesStayOneWordInAShell(principal: String) async throws {
        let expired = Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_TKT_EXPIRED") { $0.user = principal }
        #expect(try await Self.words(of: "kinit", in: expired.hint) == ["kinit", principal])
        let unknown = Self.advice("gss_acquire_cred_from", "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN") { $0.user = principal }
        let words = try await Self.words(of: "kadmin", in: unknown.hint)
        let isPlain = principal == "ann@R"
        let doubled = principal.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
        let name = isPlain ? principal : "\"\(doubled)\""
        #expect(words == ["kadmin", "-q", "addprinc \(name)"])
    }

    /// A name that begins with a hyphen is an option to no command.
    @Test func aNameIsNoOption() async throws {
        let expired = Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_TKT_EXPIRED") { $0.user = "-c@R" }
        #expect(try await Self.words(of: "kinit", in: expired.hint) == ["kinit", "\\-c@R"])
        let keytab = Self.advice("krb5_kt_resolve", "EACCES") { $0.keytab = "-k" }
        #expect(keytab.hint?.contains("`ls -l ./-k`") == true, "\(keytab)")
    }

    /// The command that stands between backquotes at the end of a hint, as a shell splits it.
    private static func words(of command: String, in hint: String?) async throws -> [String] {
        let hint = try #require(hint)
        let start = try #require(hint.range(of: "`\(command) "))
        #expect(hint.hasSuffix("`"))
        let line = hint[hint.index(after: start.lowerBound)...].dropLast()
        let script = "printf '%s\\n' \(line)"
        let result = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script])
        #expect(result.status == 0, "\(result)")
        return result.stdout.split(separator: "\n").map(String.init)
    }

    @Test func theMissingTrustIsNamed() {
        let advice = Self.advice(
            "gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            text: "Server krbtgt/B.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@B.TEST" }
        #expect(advice.class == .serviceUnknown)
        #expect(advice.hint?.contains("A.TEST has no way to B.TEST") == true)
        let own = Self.advice(
            "gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            text: "Server krbtgt/A.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@A.TEST" }
        #expect(own.hint?.contains("mongodb/db@A.TEST") == true)
    }

    @Test(arguments: [
        (Duration.seconds(3600), "1 h behind"), (.seconds(-3600), "1 h ahead of"),
        (.seconds(-90), "1 min 30 s ahead of"),
        (.seconds(200_000), "2 d 7 h 33 min 20 s behind"), (.milliseconds(200), "agree to the second"),
    ])
    func clocks(offset: Duration, words: String) {
        #expect(KerberosAdvice.hint(forClockOffset: offset).contains(words))
        let advice = Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_SKEW") { $0.clockOffset = offset }
        #expect(advice.class == .clockSkew)
        #expect(advice.dependsOnClocks)
        #expect(advice.hint?.contains(words) == true)
    }

    /// A server's own word, in an error token.
    @Test(arguments: ["KRB5KRB_AP_ERR_BADKEYVER", "KRB5KRB_AP_ERR_NOKEY"])
    func aKeyThatTheServerDoesNotHave(code: String) {
        let advice = Self.advice("gss_init_sec_context", code) {
            $0.host = "db.example.com"
            $0.service = "mongodb/db.example.com@R"
        }
        #expect(advice.class == .refused)
        #expect(advice.hint?.contains("on db.example.com") == true)
        #expect(advice.hint?.contains("kvno mongodb/db.example.com@R") == true)
    }
}

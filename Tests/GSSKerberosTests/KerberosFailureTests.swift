import Foundation
import GSSCore
import GSSKerberos
import TestSupport
import Testing

/// From codes to what to do, where no KDC is needed. The errors themselves are produced for real elsewhere.
@Suite struct KerberosFailureTests {
    private static func failure(
        _ call: String, _ minor: Int32, text: String = "", names: (inout KerberosFailure.Names) -> Void = { _ in }
    ) -> KerberosFailure {
        var given = KerberosFailure.Names()
        names(&given)
        let error = GSSError(
            call: call, major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: minor),
            minorMessages: text.isEmpty ? [] : [text])
        return KerberosFailure(error, names: given)
    }

    @Test(arguments: [
        (Int32(-1_765_328_189), "KRB5_FCC_NOFILE"), (-1_765_328_243, "KRB5_CC_NOTFOUND"),
        (-1_765_328_377, "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"), (-1_765_328_347, "KRB5KRB_AP_ERR_SKEW"),
        (-1_429_577_697, "PROF_FAIL_INCLUDE_FILE"), (39_756_032, "KG_CCACHE_NOMATCH"), (13, "EACCES"),
    ])
    func codesHaveTheirNames(code: Int32, name: String) {
        #expect(Self.failure("gss_init_sec_context", code).symbolicName == name)
    }

    @Test func aCodeThatNobodyKnowsHasNoName() {
        let failure = Self.failure("gss_init_sec_context", 12345)
        #expect(failure.symbolicName == nil)
        #expect(failure.kind == .other)
        #expect(failure.hint == nil)
    }

    /// The same code means something else for a cache, for a keytab and for everything else.
    @Test(arguments: [
        ("krb5_cc_get_principal", KerberosFailure.Kind.noCredentials, "/c"),
        ("krb5_kt_get_entry", .noCredentials, "/k"), ("krb5_init_context", .other, "/etc/other.conf"),
    ])
    func deniedPermission(call: String, kind: KerberosFailure.Kind, path: String) {
        let failure = Self.failure(call, 13) {
            $0.cache = "FILE:/c"
            $0.keytab = "FILE:/k"
            $0.configurationFile = "/etc/other.conf"
        }
        #expect(failure.kind == kind)
        #expect(failure.hint?.contains(path) == true, "\(failure.hint ?? "")")
        #expect(failure.hint?.contains("may not read") == true)
    }

    /// What decrypts wrongly is the user's key while the first ticket is asked for, and the server's proof after that.
    @Test(arguments: [
        ("gss_acquire_cred_from", true), ("krb5_get_init_creds_keytab", true), ("gss_init_sec_context", false),
    ])
    func whatDoesNotDecrypt(call: String, isTheUsersKey: Bool) {
        let failure = Self.failure(call, -1_765_328_353)
        #expect(failure.kind == (isTheUsersKey ? .credentialsRejected : .serverNotProven))
    }

    @Test func theCommandNamesTheCacheOnlyWhereItMust() {
        let named = Self.failure("krb5_cc_get_principal", -1_765_328_189) {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
        }
        #expect(named.hint?.contains("`kinit -c DIR:/tmp/caches ann@EXAMPLE.TEST`") == true)
        let byDefault = Self.failure("krb5_cc_get_principal", -1_765_328_189) {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
            $0.isDefaultCache = true
        }
        #expect(byDefault.hint?.contains("`kinit ann@EXAMPLE.TEST`") == true)
    }

    /// A principal can hold anything: pasted into a shell it must stay one word. A real shell says what it takes it for.
    @Test(arguments: ["ann@R", "a b@R", "a;reboot@R", "$(reboot)@R", "a`reboot`@R", "it's@R", "*@R", "a\"b'c@R"])
    func namesStayOneWordInAShell(principal: String) async throws {
        let expired = Self.failure("gss_init_sec_context", -1_765_328_352) { $0.user = principal }
        #expect(try await Self.words(of: "kinit", in: expired.hint) == ["kinit", principal])
        let unknown = Self.failure("gss_acquire_cred_from", -1_765_328_378) { $0.user = principal }
        let words = try await Self.words(of: "kadmin", in: unknown.hint)
        let isPlain = principal == "ann@R"
        let name = isPlain ? principal : "\"" + principal.replacing("\"", with: "\"\"") + "\""
        #expect(words == ["kadmin", "-q", "addprinc \(name)"])
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
        let failure = Self.failure(
            "gss_init_sec_context", -1_765_328_377, text: "Server krbtgt/B.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@B.TEST" }
        #expect(failure.kind == .serviceUnknown)
        #expect(failure.hint?.contains("A.TEST has no way to B.TEST") == true)
        let own = Self.failure(
            "gss_init_sec_context", -1_765_328_377, text: "Server krbtgt/A.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@A.TEST" }
        #expect(own.hint?.contains("mongodb/db@A.TEST") == true)
    }

    @Test(arguments: [
        (Duration.seconds(3600), "1 h behind"), (.seconds(-3600), "1 h ahead of"),
        (.seconds(-90), "1 min 30 s ahead of"),
        (.seconds(200_000), "2 d 7 h 33 min 20 s behind"), (.milliseconds(200), "agree to the second"),
    ])
    func clocks(offset: Duration, words: String) {
        #expect(KerberosFailure.hint(forClockOffset: offset).contains(words))
        let failure = Self.failure("gss_init_sec_context", -1_765_328_347) { $0.clockOffset = offset }
        #expect(failure.kind == .clockSkew)
        #expect(failure.dependsOnClocks)
        #expect(failure.hint?.contains(words) == true)
    }

    /// A server's own word, in an error token.
    @Test(arguments: [Int32(-1_765_328_340), -1_765_328_339])
    func aKeyThatTheServerDoesNotHave(code: Int32) {
        let failure = Self.failure("gss_init_sec_context", code) {
            $0.host = "db.example.com"
            $0.service = "mongodb/db.example.com@R"
        }
        #expect(failure.kind == .refused)
        #expect(failure.hint?.contains("on db.example.com") == true)
        #expect(failure.hint?.contains("kvno mongodb/db.example.com@R") == true)
    }
}

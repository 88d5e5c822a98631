import Foundation
import GSSCore
import GSSKerberos
import TestSupport
import Testing

@testable import AuthCheckKit

extension Verdict {
    fileprivate var hint: String { diagnosis.hint }
}

/// From codes to advice, without a KDC. Other tests produce the real errors.
@Suite struct KerberosRulesTests {
    private static func advice(
        _ call: String, _ code: String?, text: String = "", kdcClockOffset: Duration? = nil,
        names: (inout Evidence.Names) -> Void = { _ in }
    ) -> Verdict {
        var evidence = Evidence()
        evidence.mechanism = "GSSAPI"
        evidence.phase = .kerberos
        evidence.measured.kdcClockOffset = kdcClockOffset
        names(&evidence.names)
        let error = GSSError(
            call: call, major: GSSMajorStatus(.failure), minor: 1, minorMessages: text.isEmpty ? [] : [text])
        var failure = KerberosFailure(error)
        failure.symbolicName = code
        evidence.take(failure)
        return Verdict(evidence)
    }

    /// Nothing is guessed: the code and the call are reported.
    @Test(arguments: [nil, "KRB5_ERR_NO_SERVICE"])
    func aCodeThatNobodyKnowsIsSaidToBeUnknown(code: String?) {
        let verdict = Self.advice("gss_init_sec_context", code)
        #expect(verdict.class == .kerberos && verdict.diagnosis.culprit == .unknown)
        #expect(
            verdict.diagnosis.cause.hasPrefix("unknown: Kerberos says \(code ?? "the code 1") in gss_init_sec_context"))
    }

    @Test(arguments: ["PROF_SECTION_SYNTAX", "KRB5_CONFIG_BADFORMAT"])
    func aConfigurationThatCannotBeRead(code: String) {
        let advice = Self.advice("krb5_init_context", code) { $0.configurationFile = "/etc/other.conf" }
        #expect(advice.class == .kerberos)
        #expect(advice.hint.hasPrefix("/etc/other.conf is malformed"))
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
        #expect(advice.hint.contains(path), "\(advice.hint)")
        #expect(advice.hint.contains("no permission to read"))
    }

    /// A decryption failure is about the user's key in the request for the first ticket, and about the KDC's answer
    /// after that.
    @Test(arguments: [
        ("gss_acquire_cred_from", "the password"), ("krb5_get_init_creds_keytab", "the password"),
        ("gss_init_sec_context", "no longer share a key"),
    ])
    func whatDoesNotDecrypt(call: String, words: String) {
        let verdict = Self.advice(call, "KRB5KRB_AP_ERR_BAD_INTEGRITY")
        #expect(verdict.class == .credentialsRejected)
        #expect(verdict.diagnosis.cause.contains(words))
    }

    /// A cache of another user can be fixed in two ways.
    @Test(arguments: ["KRB5_CC_NOTFOUND", "KG_CCACHE_NOMATCH"])
    func theOtherUserIsNamed(code: String) {
        let other = Self.advice("krb5_cc_cache_match", code) { ($0.user, $0.cacheOwner) = ("ann@R", "bob@R") }
        #expect(other.hint.contains("`kinit ann@R`; or name bob@R as the user; "), "\(other.hint)")
        let own = Self.advice("krb5_cc_cache_match", code) { ($0.user, $0.cacheOwner) = ("ann@R", "ann@R") }
        #expect(own.hint.contains("`kinit ann@R`; "), "\(own.hint)")
    }

    /// An escaped `@` is part of a name, and a realm can be empty.
    @Test(arguments: [
        ("mongodb/db@", "mongodb/db"), ("mongodb/db\\@", "mongodb/db\\@"), ("mongodb/db\\\\@", "mongodb/db\\\\"),
        ("mongodb/\u{600}@", "mongodb/\u{600}"),
    ])
    func anEmptyRealmIsLeftOut(service: String, shown: String) {
        let advice = Self.advice("gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN") { $0.service = service }
        let bytes = Array(advice.hint.utf8)
        #expect(bytes.contains(Array(shown.utf8)), "\(advice.hint)")
        #expect(!bytes.contains(Array("\(shown)@".utf8)))
    }

    @Test func theCommandNamesTheCacheOnlyWhereItMust() {
        let named = Self.advice("krb5_cc_get_principal", "KRB5_FCC_NOFILE") {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
        }
        #expect(named.hint.contains("`kinit -c DIR:/tmp/caches ann@EXAMPLE.TEST`"))
        let byDefault = Self.advice("krb5_cc_get_principal", "KRB5_FCC_NOFILE") {
            $0.user = "ann@EXAMPLE.TEST"
            $0.cache = "DIR:/tmp/caches"
            $0.isDefaultCache = true
        }
        #expect(byDefault.hint.contains("`kinit ann@EXAMPLE.TEST`"))
    }

    /// A principal can hold anything: pasted into a shell it must stay one word. A real shell parses it.
    @Test(arguments: [
        "ann@R", "a b@R", "a;reboot@R", "$(reboot)@R", "a`reboot`@R", "it's@R", "*@R", "a\"b'c@R", "it'\u{301}s@R",
        "a\"\u{301}b@R",
    ])
    func namesStayOneWordInAShell(principal: String) async throws {
        let expired = Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_TKT_EXPIRED") { $0.user = principal }
        #expect(try await Self.words(of: "kinit", in: expired) == ["kinit", principal])
        let unknown = Self.advice("gss_acquire_cred_from", "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN") { $0.user = principal }
        let words = try await Self.words(of: "kadmin", in: unknown)
        let isPlain = principal == "ann@R"
        let doubled = principal.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
        let name = isPlain ? principal : "\"\(doubled)\""
        #expect(words == ["kadmin", "-q", "addprinc \(name)"])
    }

    /// No command treats a name that begins with a hyphen as an option.
    @Test func aNameIsNoOption() async throws {
        let expired = Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_TKT_EXPIRED") { $0.user = "-c@R" }
        #expect(try await Self.words(of: "kinit", in: expired) == ["kinit", "\\-c@R"])
        let keytab = Self.advice("krb5_kt_resolve", "EACCES") { $0.keytab = "-k" }
        #expect(keytab.hint.contains("`ls -l ./-k`"), "\(keytab)")
    }

    /// The step with the command, as a shell splits it.
    private static func words(of command: String, in verdict: Verdict) async throws -> [String] {
        let line = try #require(
            verdict.diagnosis.steps.lazy.compactMap(\.command).first { $0.hasPrefix("\(command) ") })
        let result = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", "printf '%s\\n' \(line)"])
        #expect(result.status == 0, "\(result)")
        return result.stdout.split(separator: "\n").map(String.init)
    }

    @Test func theMissingTrustIsNamed() {
        let advice = Self.advice(
            "gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            text: "Server krbtgt/B.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@B.TEST" }
        #expect(advice.class == .serviceUnknown)
        #expect(advice.hint.contains("A.TEST has no trust path to B.TEST"))
        let own = Self.advice(
            "gss_init_sec_context", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            text: "Server krbtgt/A.TEST@A.TEST not found in Kerberos database"
        ) { $0.service = "mongodb/db@A.TEST" }
        #expect(own.hint.contains("mongodb/db@A.TEST"))
    }

    /// Three clocks show which one is wrong.
    private static let clockCases: [(Int, Int?, String, Diagnosis.Culprit)] = [
        (3600, 3600, "this machine's clock is 1 h behind the KDC's and the server's", Diagnosis.Culprit.thisMachine),
        (-3600, -3590, "this machine's clock is 1 h ahead of the KDC's and the server's", .thisMachine),
        (3600, 0, "the KDC's clock is 1 h ahead of this machine's and the server's", .kdc),
        (-90, nil, "1 min 30 s", .thisMachine),
        (200_000, nil, "this machine's clock is 2 d 7 h 33 min 20 s behind the KDC's", .thisMachine),
    ]

    @Test(arguments: clockCases)
    func theClockThatIsWrongIsNamed(kdc: Int, server: Int?, words: String, culprit: Diagnosis.Culprit) {
        var evidence = Evidence()
        evidence.codes = ["kerberos.KRB5KRB_AP_ERR_SKEW"]
        evidence.measured.allowedClockSkew = .seconds(60)
        evidence.measured.kdcClockOffset = .seconds(kdc)
        evidence.measured.serverClockOffset = server.map { .seconds($0) }
        let verdict = Verdict(evidence)
        #expect(verdict.class == .clockSkew && verdict.diagnosis.culprit == culprit)
        #expect(verdict.diagnosis.cause.contains(words), "\(verdict.diagnosis.cause)")
    }

    @Test func onlyTheServersClockIsOff() {
        var evidence = Evidence()
        evidence.codes = ["server.18", "auth.refused"]
        (evidence.mechanism, evidence.phase, evidence.stage) = ("GSSAPI", .sasl, .tokenSent)
        evidence.measured.kdcClockOffset = .seconds(2)
        evidence.measured.serverClockOffset = .seconds(-4000)
        let verdict = Verdict(evidence)
        // Only the server claimed so, and it has proven nothing.
        #expect(verdict.class == .refused && verdict.diagnosis.culprit == .server)
        #expect(
            verdict.diagnosis.cause.hasPrefix(
                "the server refuses, and claims, without proof, that its clock is 1 h 6 min 40 s behind this "
                    + "machine's and the KDC's"))
        // The KDC's clock was measured.
        evidence.measured.kdcClockOffset = .seconds(-4000)
        #expect(Verdict(evidence).class == .clockSkew && Verdict(evidence).diagnosis.culprit == .thisMachine)
        evidence.measured.kdcClockOffset = nil
        #expect(Verdict(evidence).class == .refused)
        // After the server's proof its clock was good enough.
        evidence.stage = .serverProven
        #expect(Verdict(evidence).class == .refused)
    }

    /// With a wrong clock a valid ticket looks expired.
    @Test(arguments: ["KRB5KRB_AP_ERR_TKT_EXPIRED", "KRB5KRB_AP_ERR_TKT_NYV"])
    func aTicketIsNotBlamedForAClock(code: String) {
        #expect(Self.advice("gss_init_sec_context", code).class == .credentialsRejected)
        #expect(Self.advice("gss_init_sec_context", code, kdcClockOffset: .seconds(10)).class == .credentialsRejected)
        #expect(Self.advice("gss_init_sec_context", code, kdcClockOffset: .seconds(9999)).class == .clockSkew)
    }

    /// Programs tell causes apart by them.
    @Test func everyRuleHasANameOfItsOwn() {
        let names = Rule.all.map(\.name) + Diagnosis.namesWithoutRule
        #expect(Set(names).count == names.count)
        for name in names {
            let words = name.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            let isKebab = words.allSatisfy { word in
                !word.isEmpty
                    && word.allSatisfy {
                        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    }
            }
            #expect(isKebab, "\(name)")
        }
        #expect(Self.advice("gss_init_sec_context", "KRB5KRB_AP_ERR_TKT_EXPIRED").diagnosis.rule == "ticket-expired")
    }

    /// Every code name occurs once, so that a rule is not hidden by another one without a condition.
    @Test func noRuleIsOutOfReach() {
        for (index, rule) in Rule.all.enumerated() {
            let hidden = rule.codes.filter { code in
                Rule.all[..<index].contains { $0.condition == nil && $0.codes.contains(code) }
            }
            #expect(hidden.count < rule.codes.count, "\(rule.codes)")
        }
    }

    /// No command is printed with a line break or a placeholder that a shell would run.
    @Test func everyRuleHasACauseAndStepsWithoutEvidence() {
        for rule in Rule.all {
            var evidence = Evidence()
            evidence.message = "what happened"
            #expect(!rule.cause(evidence).isEmpty && !rule.cause(evidence).hasSuffix("."), "\(rule.codes)")
            for step in rule.steps(evidence) {
                #expect(
                    !step.text.isEmpty && step.command.map { $0.isEmpty || $0.contains("\n") } != true, "\(rule.codes)")
            }
        }
    }
}

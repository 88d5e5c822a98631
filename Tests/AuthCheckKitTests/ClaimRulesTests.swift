import GSSCore
import GSSKerberos
import MongoAuth
import Testing

@testable import AuthCheckKit

/// Unauthenticated claims of the DNS and of servers decide nothing, and advice based on them says so.
@Suite struct ClaimRulesTests {
    private static func verdict(_ codes: String..., change: (inout Evidence) -> Void = { _ in }) -> Verdict {
        var evidence = Evidence()
        evidence.codes = codes
        change(&evidence)
        return Verdict(evidence)
    }

    private static func unknownService(_ change: (inout Evidence) -> Void) -> Verdict {
        verdict("kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN") {
            $0.mechanism = "GSSAPI"
            $0.names.service = "mongodb/evil.test@X.TEST"
            change(&$0)
        }
    }

    /// An attacker who controls DNS answers chooses the host.
    @Test func nobodyIsToldToMakeAPrincipalThatOnlyTheDNSNames() throws {
        let given = Self.unknownService { _ in }
        let step = try #require(given.diagnosis.steps.first { $0.command?.contains("addprinc") == true })
        #expect(!step.text.contains("right host"))

        let canonical = Self.unknownService {
            $0.names.chosenHost = .init(host: "evil.test", reason: .canonical(of: "db.test"))
        }
        #expect(canonical.diagnosis.cause.hasSuffix(" (evil.test is the canonical name of db.test in the DNS)"))
        let chosen = try #require(canonical.diagnosis.steps.first { $0.command?.contains("addprinc") == true })
        #expect(chosen.text.hasPrefix("if evil.test is the right host, have the principal created"))

        let records = Self.unknownService {
            $0.names.chosenHost = .init(host: "evil.test", reason: .records(of: "cluster.test"))
        }
        #expect(records.diagnosis.cause.hasSuffix(" (evil.test comes from the SRV records of cluster.test)"))
    }

    @Test func aNameThatTheKDCKnowsIsSaidToBeTheDNSs() {
        let alias = Self.unknownService {
            $0.measured.knownService = .init(
                name: "mongodb/db.test", properties: "SERVICE_HOST:db.test", alias: "www.test")
        }
        #expect(alias.diagnosis.rule == "service-known-by-another-name")
        #expect(
            alias.diagnosis.cause
                == "the KDC does not know mongodb/evil.test@X.TEST; it knows mongodb/db.test, which the DNS says is the host www.test"
        )
        #expect(
            alias.diagnosis.steps.first?.text
                == "if that is the server that is meant, write SERVICE_HOST:db.test in authMechanismProperties")
    }

    @Test(arguments: [
        ("mongodb/192.0.2.1@X.TEST", true), ("mongodb/2001:db8::1@X.TEST", true), ("mongodb/192.0.2.1", true),
        ("mongodb/db.test@X.TEST", false), ("mongodb/db", false),
    ])
    func anAddressIsNoNameOfAService(service: String, isAddress: Bool) {
        let verdict = Self.unknownService { $0.names.service = service }
        #expect((verdict.diagnosis.rule == "service-host-is-address") == isAddress)
        #expect(verdict.diagnosis.hint.contains("addprinc") != isAddress)
    }

    /// That is what an attacker wants.
    @Test func recordsThatLeadElsewhereAreNotToBeFollowed() {
        let verdict = Self.verdict("seedlist.foreign-host")
        #expect(verdict.diagnosis.steps.first?.text.contains("a forged DNS answer looks like this") == true)
        #expect(!verdict.diagnosis.hint.contains("mongodb://"))
    }

    /// An unauthenticated server claims not to have the mechanism, to get the password.
    @Test func noWeakerMechanismIsTakenOnAServersWord() {
        let texts = ["", "Unable to use SCRAM-SHA-256 based authentication"]
        for (mechanism, text) in ["GSSAPI", "SCRAM-SHA-256", "PLAIN"].flatMap({ name in texts.map { (name, $0) } }) {
            let verdict = Self.verdict("server.334", "auth.mechanism-unavailable") {
                $0.mechanism = mechanism
                $0.server = text.isEmpty ? nil : .init(code: nil, message: text)
            }
            #expect(verdict.class == .mechanismUnavailable)
            #expect(verdict.diagnosis.hint.contains("do not choose a weaker mechanism"), "\(verdict)")
            for words in ["leave authMechanism out", "name another one", "another mechanism here"] {
                #expect(!verdict.diagnosis.hint.contains(words), "\(verdict)")
            }
        }
        #expect(Self.verdict("auth.unsupported-mechanism").diagnosis.hint.contains("must not be a weaker one"))
    }

    /// Any server may answer with Atlas' code.
    @Test func onlyAtlasIsAtlas() {
        let atlas = Self.verdict("server.8000", "auth.refused") {
            ($0.mechanism, $0.names.host) = ("SCRAM-SHA-256", "cluster0.example.mongodb.net")
        }
        #expect(atlas.diagnosis.rule == "atlas-refused")
        for host in ["db.test", "mongodb.net.evil.test", "notmongodb.net"] {
            let other = Self.verdict("server.8000", "auth.refused") {
                ($0.mechanism, $0.names.host) = ("SCRAM-SHA-256", host)
            }
            #expect(other.diagnosis.rule == "scram-refused", "\(host)")
        }
    }

    @Test(arguments: [nil, "cluster.test"])
    func tlsIsNotSwitchedOffFirst(seedlist: String?) {
        let verdict = Self.verdict("tls.not-tls") { $0.string.seedlist = seedlist }
        #expect(verdict.diagnosis.steps.first?.text.hasPrefix("check the port and the server's TLS settings") == true)
    }

    @Test(arguments: [
        ("its extension extendedKeyUsage does not have serverAuth", "tls-not-for-servers"),
        ("it is self-issued and is not among the authorities", "tls-self-signed"),
        ("its extension keyUsage does not have keyCertSign", "tls-self-signed-beside-others"),
        ("is among these, but that authority's key did not sign it", "tls-authority-of-same-name"),
        ("no authority is trusted: the system's authorities are none", "tls-no-authorities"),
        ("no chain leads from its issuer to one of them", "tls-authority-unknown"),
    ])
    func aCertificateIsNotTrustedForAReason(message: String, rule: String) {
        let verdict = Self.verdict("tls.not-trusted") { $0.message = "the certificate is not trusted: \(message)" }
        #expect(verdict.diagnosis.rule == rule)
    }

    /// No KDC was asked, so none is silent.
    @Test func threadsThatAreBusyAreNoSilentKDC() {
        let verdict = Self.verdict("credentials.threads-busy", "auth.deadline-exceeded")
        #expect(verdict.diagnosis.rule == "threads-busy" && verdict.class == .deadline)
    }

    @Test(arguments: [
        ("mongodb/db.test@X.TEST", nil, "SERVICE_NAME:mongodb,SERVICE_HOST:db.test,SERVICE_REALM:X.TEST"),
        ("mongodb/db.test", nil, "SERVICE_NAME:mongodb,SERVICE_HOST:db.test"),
        ("mongodb@X.TEST", "db.test", "SERVICE_NAME:mongodb,SERVICE_HOST:db.test,SERVICE_REALM:X.TEST"),
        ("mongodb", "db.test@X.TEST", "SERVICE_HOST:db.test,SERVICE_REALM:X.TEST"),
        ("mongodb", "mongodb/db.test", "SERVICE_NAME:mongodb,SERVICE_HOST:db.test"),
        ("mongodb", "db.test", nil), ("mongodb", nil, nil),
    ])
    func aWholePrincipalIsTakenApart(name: String, host: String?, advice: String?) {
        #expect(ServiceNames.wholePrincipal(serviceName: name, serviceHost: host)?.advice == advice)
    }

    @Test(arguments: [
        ("FILE:/x", nil), ("/x", nil), ("/x:y", nil), ("x", nil), ("NOSUCH:x", "NOSUCH"), ("file:/x", "file"),
    ])
    func keytabsOfOtherTypes(name: String, type: String?) { #expect(KeytabName.unknownType(of: name) == type) }
}

/// Lines are as wide as a terminal shows them.
@Suite struct TextColumnsTests {
    @Test(arguments: [
        ("db.example.test", 15), ("データ", 6), ("数据库.test", 11), ("e\u{301}", 1), ("ü", 1), ("한국", 4), ("", 0), ("✓ ", 2),
    ])
    func columns(text: String, count: Int) { #expect(TextColumns.count(text) == count) }

    @Test(arguments: [
        ("データ", 5, "デー"), ("データ", 6, "データ"), ("abc", 2, "ab"), ("e\u{301}x", 1, "e\u{301}"), ("数", 1, ""),
    ])
    func prefixes(text: String, columns: Int, prefix: String) {
        #expect(TextColumns.prefix(text, columns) == prefix)
        #expect(TextColumns.count(TextColumns.prefix(text, columns)) <= columns)
    }

    @Test func wideLettersWrapInTime() {
        let lines = TextPage.wrap("データベース データベース データベース", at: 26)
        #expect(lines == ["データベース データベース", "データベース"])
    }
}

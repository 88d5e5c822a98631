import Foundation
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// Every row of the table from Kerberos errors to what to do, produced by a real KDC, a real server and real files.
@Suite struct KerberosErrorTests {
    private typealias Row = KerberosErrorRow

    @Test(arguments: credentialRows + configurationRows + keyDistributionRows + addressRows)
    func theErrorHasItsClassItsNameAndAHintWithTheUsersOwnNames(_ row: KerberosErrorRow) async throws {
        let realm = try await SharedRealm.shared
        let situation = try await row.prepare(realm)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [situation.user])
        let outcome = try await AuthCheck.check(
            gssapiURI(situation.user, Family.ipv4.authority(server.port), properties: situation.properties),
            situation.options, environment: situation.environment,
            wrapper: situation.obeysFileModes ? try AuthCheck.obeyingFileModes() : [])
        #expect(outcome.status == row.status, "\(outcome)")
        #expect(outcome.failure?.class == row.failureClass, "\(outcome)")
        #expect(outcome.failure?.phase == "kerberos", "\(outcome)")
        let error = try #require(outcome.failure?.kerberos, "\(outcome)")
        #expect(error.symbolicName == row.symbolicName, "\(outcome)")
        #expect(error.minor != 0)
        #expect(!error.call.isEmpty)
        #expect(!error.majorName.isEmpty)
        #expect(!error.minorMessages.joined().isEmpty, "\(outcome)")
        let hint = outcome.failure?.hint ?? ""
        for word in row.hint + situation.names { #expect(hint.contains(word), "no \(word) in: \(outcome)") }
        try await server.stop()
    }

    // MARK: - Nothing to start from

    private static let credentialRows = [
        Row("no cache", 20, "no-credentials", "KRB5_FCC_NOFILE", hint: ["kinit"]) { realm in
            let cache = realm.absentCache()
            return .init(
                user: realm.ann, environment: realm.realm.environment(cache: cache), names: [realm.ann, cache])
        },
        Row("a damaged cache", 20, "no-credentials", "KRB5_CCACHE_BADVNO", hint: ["damaged", "kinit"]) { realm in
            let cache = "FILE:\(try realm.newFile("ccache", "not a cache"))"
            return .init(
                user: realm.ann, environment: realm.realm.environment(cache: cache), names: [cache, realm.ann])
        },
        Row("a cache that may not be read", 20, "no-credentials", "KRB5_FCC_PERM", hint: ["no permission to read"]) {
            realm in
            let path = try realm.newFile("ccache")
            chmod(path, 0)
            return .init(
                user: realm.ann, environment: realm.realm.environment(cache: "FILE:\(path)"), names: [path],
                obeysFileModes: true)
        },
        Row("a keytab that may not be read", 20, "no-credentials", "EACCES", hint: ["no permission to read", "ls -l"]) {
            realm in
            let (user, keytab) = try await realm.newUser("user")
            chmod(keytab, 0)
            return .init(
                user: user, environment: realm.realm.environment(cache: realm.absentCache()),
                options: ["--keytab", keytab], names: [keytab], obeysFileModes: true)
        },
        Row("a cache type that is not there", 20, "no-credentials", "KRB5_CC_UNKNOWN_TYPE", hint: ["FILE:"]) { realm in
            .init(
                user: realm.ann, environment: realm.realm.environment(cache: "NOSUCH:cache"), names: ["NOSUCH:cache"])
        },
    ]

    // MARK: - The configuration

    private static let configurationRows = [
        Row("a configuration that may not be read", 25, "kerberos", "EACCES", hint: ["no permission to read", "ls -l"])
        {
            realm in
            let path = try realm.changedConfiguration { $0 }
            chmod(path, 0)
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path], obeysFileModes: true)
        },
        Row("a malformed configuration", 25, "kerberos", "KRB5_CONFIG_BADFORMAT", hint: ["malformed"]) { realm in
            let path = try realm.changedConfiguration { $0 + "\n[realms\n}\n" }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path])
        },
        Row(
            "an include that is not there", 25, "kerberos", "PROF_FAIL_INCLUDE_FILE",
            hint: ["a line `include`", "grep -n include"]
        ) { realm in
            let path = try realm.changedConfiguration { $0 + "\ninclude /nonexistent/krb5.conf\n" }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path])
        },
        Row("an include of itself", 25, "kerberos", "KRB5_CONFIG_BADFORMAT", hint: ["malformed"]) { realm in
            let path = try realm.changedConfiguration { $0 }
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try "\(text)\ninclude \(path)\n".write(toFile: path, atomically: false, encoding: .utf8)
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path])
        },
        Row("no default realm", 20, "no-credentials", "KRB5_CONFIG_NODEFREALM", hint: ["default_realm"]) { realm in
            let path = try realm.changedConfiguration { $0.replacing("default_realm =", with: "ignored =") }
            let environment = try await realm.environment(configuration: path)
            return .init(user: "ann", environment: environment, names: [path])
        },
        Row("a realm without KDC", 21, "kdc-unreachable", "KRB5_REALM_UNKNOWN", hint: ["spelling"]) { realm in
            let path = try realm.changedConfiguration { $0.replacing("kdc = ", with: "ignored = ") }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path, realm.realm.name])
        },
        Row("a KDC where nobody listens", 21, "kdc-unreachable", "KRB5_KDC_UNREACH", hint: ["firewalls"]) { realm in
            let path = try realm.changedConfiguration { text in
                text.replacing(/kdc = .*/, with: "kdc = 127.0.0.1:1")
            }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path, realm.realm.name])
        },
        Row("a KDC without an address", 21, "kdc-unreachable", "KRB5_KDC_UNREACH", hint: ["kdc =", "DNS"]) { realm in
            let path = try realm.changedConfiguration { text in
                text.replacing(/kdc = .*/, with: "kdc = kdc.invalid")
            }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path, realm.realm.name])
        },
        Row(
            "an encryption type that the KDC does not have", 25, "kerberos", "KRB5KDC_ERR_ETYPE_NOSUPP",
            hint: ["permitted_enctypes", "getprinc"]
        ) { realm in
            let path = try realm.changedConfiguration {
                $0.replacing("[libdefaults]", with: "[libdefaults]\n    permitted_enctypes = camellia128-cts-cmac")
            }
            let environment = realm.realm.environment(cache: realm.absentCache()).merging(["KRB5_CONFIG": path]) { $1 }
            let password = try realm.newFile("password", realm.annPassword)
            return .init(
                user: realm.ann, environment: environment, options: ["--password-file", password], names: [path])
        },
        Row("no encryption type in common", 25, "kerberos", "KRB5_CC_NOT_KTYPE", hint: ["permitted_enctypes"]) {
            realm in
            let path = try realm.changedConfiguration {
                $0.replacing("[libdefaults]", with: "[libdefaults]\n    permitted_enctypes = camellia128-cts-cmac")
            }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path])
        },
        Row("only encryption types that do not exist", 25, "kerberos", "KRB5_CONFIG_ETYPE_NOSUPP") { realm in
            let path = try realm.changedConfiguration {
                $0.replacing("[libdefaults]", with: "[libdefaults]\n    permitted_enctypes = nonsense")
            }
            let environment = try await realm.environment(configuration: path)
            return .init(user: realm.ann, environment: environment, names: [path])
        },
    ]

    // MARK: - What the KDC says

    /// With a keytab the user's first ticket is asked for by `authcheck` itself.
    private static func withKeytab(
        _ name: String, _ failureClass: String, _ status: Int32, _ symbolicName: String, hint: [String],
        options: [String] = [], _ change: @escaping @Sendable (KerberosRealm, String) async throws -> Void
    ) -> KerberosErrorRow {
        Row(name, status, failureClass, symbolicName, hint: hint) { realm in
            let (user, keytab) = try await realm.newUser("user", options: options)
            try await change(realm.realm, user)
            return .init(
                user: user, environment: realm.realm.environment(cache: realm.absentCache(), clientKeytab: keytab),
                names: hint.contains("KEYTAB") ? [] : [user])
        }
    }

    private static let keyDistributionRows = [
        withKeytab(
            "an unknown client", "credentials-rejected", 22, "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", hint: ["addprinc"]
        ) { try await $0.deletePrincipal($1) },
        withKeytab("a revoked client", "credentials-rejected", 22, "KRB5KDC_ERR_CLIENT_REVOKED", hint: ["getprinc"]) {
            try await $0.modifyPrincipal($1, options: ["-allow_tix"])
        },
        withKeytab("an expired account", "credentials-rejected", 22, "KRB5KDC_ERR_NAME_EXP", hint: ["account"]) {
            try await $0.modifyPrincipal($1, options: ["-expire", "yesterday"])
        },
        withKeytab("an expired key", "credentials-rejected", 22, "KRB5KDC_ERR_KEY_EXP", hint: ["kpasswd"]) {
            try await $0.modifyPrincipal($1, options: ["-pwexpire", "yesterday"])
        },
        withKeytab(
            "a failed preauthentication", "credentials-rejected", 22, "KRB5KDC_ERR_PREAUTH_FAILED",
            hint: ["klist -ket"], options: ["+requires_preauth"]
        ) { try await $0.changeKey($1, keepingVersion: true) },
        withKeytab(
            "a wrong key", "credentials-rejected", 22, "KRB5KRB_AP_ERR_BAD_INTEGRITY", hint: ["klist -ket"]
        ) { try await $0.changeKey($1, keepingVersion: true) },
        Row("a keytab of somebody else", 20, "no-credentials", "KRB5_KT_NOTFOUND", hint: ["klist -k"]) { realm in
            .init(
                user: realm.bob,
                environment: realm.realm.environment(cache: realm.absentCache(), clientKeytab: realm.annKeytab),
                names: [realm.bob, realm.annKeytab])
        },
        Row("an expired ticket", 22, "credentials-rejected", "KRB5KRB_AP_ERR_TKT_EXPIRED", hint: ["kinit"]) { realm in
            let cache = try await realm.realm.makeCache("ann", password: realm.annPassword, lifetime: .seconds(1))
            try await Self.untilExpired(cache, in: realm)
            return .init(user: realm.ann, environment: realm.realm.environment(cache: cache), names: [realm.ann])
        },
        Row("a ticket of tomorrow", 22, "credentials-rejected", "KRB5KRB_AP_ERR_TKT_NYV", hint: ["kinit"]) { realm in
            let cache = try await realm.realm.makeCache("ann", password: realm.annPassword, options: ["-s", "1h"])
            return .init(user: realm.ann, environment: realm.realm.environment(cache: cache), names: [realm.ann])
        },
        Row("an unknown service", 23, "service-unknown", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", hint: ["addprinc"]) {
            realm in
            .init(
                user: realm.ann, environment: realm.realm.environment(cache: realm.annCache),
                properties: "SERVICE_HOST:nosuch.localhost", names: ["mongodb/nosuch.localhost"])
        },
        Row(
            "a service between users only", 25, "kerberos", "KRB5KDC_ERR_MUST_USE_USER2USER",
            hint: ["user-to-user", "modprinc +allow_svr"]
        ) { realm in
            let host = "between-\(UInt32.random(in: 0 ... .max))"
            try await realm.realm.addPrincipals([NewPrincipal("mongodb/\(host)", traits: [.notAService])])
            return .init(
                user: realm.ann, environment: realm.realm.environment(cache: realm.annCache),
                properties: "SERVICE_HOST:\(host)", names: ["mongodb/\(host)"])
        },
        Row(
            "a realm without trust", 23, "service-unknown", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            hint: ["SERVICE_REALM", "capaths"]
        ) { realm in
            .init(
                user: realm.ann, environment: realm.realm.environment(cache: realm.annCache),
                properties: "SERVICE_HOST:localhost,SERVICE_REALM:ELSEWHERE.TEST",
                names: ["krbtgt/ELSEWHERE.TEST@\(realm.realm.name)"])
        },
    ]

    /// A KDC in a container sees an address of this machine's interfaces, which is in every ticket with addresses; one beside us sees
    /// the loopback address, which is in none.
    private static let addressRows =
        KerberosRealm.Backend.isContainerChosen
        ? []
        : [
            Row(
                "a ticket for other addresses", 25, "kerberos", "KRB5KRB_AP_ERR_BADADDR",
                hint: ["kinit -A", "noaddresses"]
            ) { realm in
                let path = try realm.changedConfiguration {
                    $0.replacing(
                        "[libdefaults]", with: "[libdefaults]\n    noaddresses = false\n    extra_addresses = 192.0.2.1"
                    )
                }
                let cache = realm.absentCache()
                let environment = realm.realm.environment(cache: cache)
                let kinit = try await Child.run(
                    BuiltExecutable.system("kinit", package: "krb5-user"), ["-a", "ann"],
                    environment: environment.merging(["KRB5_CONFIG": path]) { $1 },
                    standardInput: "\(realm.annPassword)\n")
                try #require(kinit.status == 0, "\(kinit)")
                return .init(user: realm.ann, environment: environment, names: [realm.ann])
            }
        ]

    /// `klist -s` tells whether a cache has a ticket that is valid.
    private static func untilExpired(_ cache: String, in realm: SharedRealm) async throws {
        let klist = try BuiltExecutable.system("klist", package: "krb5-user")
        let isExpired = try await becomesTrue {
            try await Child.run(klist, ["-s", "-c", cache], environment: realm.realm.environment()).status != 0
        }
        guard isExpired else { throw TestSupportError("a ticket of one second does not expire") }
        // Times are whole seconds, and a ticket is good for all of its last one.
        let end = Date() + 2
        _ = await becomesTrue { Date() > end }
    }
}

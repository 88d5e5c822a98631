import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck` with every source of credentials that its options and the connection string can name.
@Suite struct CredentialSourceTests {
    private func withServer(
        _ realm: SharedRealm, _ body: (_ authority: String) async throws -> Void
    ) async throws {
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann, realm.bob], listen: ["127.0.0.1:0"])
        try await body(Family.ipv4.authority(server.port))
        try await server.stop()
    }

    /// Runs `authcheck` in a realm, without a cache unless there is one among the arguments.
    private func check(
        _ arguments: [String], in realm: SharedRealm, environment: [String: String] = [:], input: String = ""
    ) async throws -> CheckOutcome {
        let result = try await Child.run(
            BuiltExecutable.url(named: "authcheck"),
            arguments + ["--format", "json", "--timeout", "60s", "--verbose"],
            environment: realm.realm.environment().merging(environment) { $1 }, standardInput: input)
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
        return CheckOutcome(child: result, report: report)
    }

    private func expectUser(
        _ user: String, _ outcome: CheckOutcome, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == 0, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.report.hosts.first?.identity?.user == user, "\(outcome)", sourceLocation: sourceLocation)
    }

    /// The report has the tickets also where no cache has them that others could look at.
    private func expectTickets(
        _ outcome: CheckOutcome, in realm: SharedRealm, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let name = realm.realm.name
        let granting = try #require(outcome.report.kerberos?.ticketGrantingTicket, "\(outcome)")
        #expect(granting.server == "krbtgt/\(name)@\(name)" && granting.secondsLeft > 0, sourceLocation: sourceLocation)
        #expect(granting.flags.contains("initial"), sourceLocation: sourceLocation)
        let ticket = try #require(outcome.report.hosts.first?.kerberos?.serviceTicket, "\(outcome)")
        #expect(ticket.server == "mongodb/localhost@\(name)" && ticket.keyVersion == 1, sourceLocation: sourceLocation)
        #expect(ticket.secondsLeft > 0 && ticket.encryptionType != nil, sourceLocation: sourceLocation)
    }

    private func newFile(_ contents: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("password-\(UUID().uuidString)").path
        try Data(contents.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    // MARK: - What works

    /// MIT's KDC knows none; `ActiveDirectoryTests` has a KDC that does. It is not the principal that it looks like:
    /// whatever a driver sends for it, that principal is not.
    @Test func anEnterpriseNameIsAskedForAsSuch() async throws {
        let realm = try await SharedRealm.shared
        try await withServer(realm) { authority in
            let uri = gssapiURI("\(realm.ann)@\(realm.realm.name)", authority)
            let cached = try await check([uri, "--ccache", realm.annCache], in: realm)
            #expect(cached.status == 20, "\(cached)")
            #expect(cached.advice.contains("-E \(realm.ann)@\(realm.realm.name)`"), "\(cached)")
            #expect(cached.advice.contains("or name \(realm.ann) as the user"), "\(cached)")
            let file = try newFile("\(realm.annPassword)\n")
            let outcome = try await check([uri, "--password-file", file], in: realm)
            #expect(outcome.status == 22, "\(outcome)")
            #expect(outcome.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", "\(outcome)")
            let asked = #"ann\@\#(realm.realm.name)@\#(realm.realm.name)"#
            #expect(outcome.advice.contains(asked) && outcome.advice.contains("enterprise name"), "\(outcome)")
            #expect(try await realm.realm.events().contains { $0.client == asked })
            let others = try await OtherDriver.ask(
                commonURI("\(realm.ann)@\(realm.realm.name)", authority),
                environment: realm.realm.environment(cache: realm.annCache))
            #expect(others.connected == [], "\(others)")
        }
    }

    @Test func aCacheByItsName() async throws {
        let realm = try await SharedRealm.shared
        try await withServer(realm) { authority in
            let uri = gssapiURI(realm.bob, authority)
            expectUser(realm.bob, try await check([uri, "--ccache", realm.bobCache], in: realm))
            // It comes before the default one, and a name without a type is a file.
            let path = String(realm.bobCache.dropFirst("FILE:".count))
            let other = realm.realm.environment(cache: realm.annCache)
            expectUser(realm.bob, try await check([uri, "--ccache", path], in: realm, environment: other))
        }
    }

    @Test func aKeytab() async throws {
        let realm = try await SharedRealm.shared
        try await withServer(realm) { authority in
            let uri = gssapiURI(realm.ann, authority)
            let outcome = try await check([uri, "--keytab", realm.annKeytab], in: realm)
            expectUser(realm.ann, outcome)
            try expectTickets(outcome, in: realm)
            expectUser(realm.ann, try await check([uri, "--keytab", "FILE:\(realm.annKeytab)"], in: realm))
            // As the C library has it: by the environment.
            let environment = realm.realm.environment(clientKeytab: realm.annKeytab)
            let byEnvironment = try await check([uri], in: realm, environment: environment)
            expectUser(realm.ann, byEnvironment)
            try expectTickets(byEnvironment, in: realm)
        }
        // Nothing was written where a cache would be.
        let cache = try #require(realm.realm.environment()["KRB5CCNAME"]?.split(separator: ":").last)
        #expect(!FileManager.default.fileExists(atPath: String(cache)))
    }

    @Test(arguments: ["file", "standard input", "string"])
    func aPassword(from place: String) async throws {
        let realm = try await SharedRealm.shared
        try await withServer(realm) { authority in
            let uri = gssapiURI(realm.ann, authority)
            let outcome: CheckOutcome
            switch place {
            case "file":
                let file = try newFile("\(realm.annPassword)\r\nand a second line\n")
                outcome = try await check([uri, "--password-file", file], in: realm)
                try FileManager.default.removeItem(atPath: file)
            case "standard input":
                outcome = try await check([uri, "--password-file", "-"], in: realm, input: realm.annPassword)
            default:
                let escaped = try #require(
                    realm.annPassword.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
                let string = uri.replacing("@\(authority)", with: ":\(escaped)@\(authority)")
                outcome = try await check(["-"], in: realm, input: string)
            }
            expectUser(realm.ann, outcome)
            try expectTickets(outcome, in: realm)
            #expect(!outcome.description.contains(realm.annPassword))
        }
        let cache = try #require(realm.realm.environment()["KRB5CCNAME"]?.split(separator: ":").last)
        #expect(!FileManager.default.fileExists(atPath: String(cache)))
    }

    /// On a terminal of its own, which shows what is typed unless it is told not to.
    @Test func aPasswordThatIsTyped() async throws {
        let realm = try await SharedRealm.shared
        let script = """
            import os, pty, sys
            process, terminal = pty.fork()
            if process == 0:
                os.execv(sys.argv[1], sys.argv[1:])
            shown = b""
            typed = False
            while True:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    break
                if not piece:
                    break
                shown += piece
                if not typed and b"Password of " in shown:
                    os.write(terminal, b"wrong\\x15two wrong words\\x17\\x17\\x17\\x1a\\x01" + os.environb[b"TYPED"] + b"x\\x7f\\n")
                    typed = True
            os.write(1, shown)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
            """
        try await withServer(realm) { authority in
            let result = try await Child.run(
                BuiltExecutable.system("python3", package: "python3"),
                [
                    "-c", script, BuiltExecutable.url(named: "authcheck").path, gssapiURI(realm.ann, authority),
                    "--ask-password", "--timeout", "60s",
                ],
                environment: realm.realm.environment().merging(["TYPED": realm.annPassword]) { $1 })
            #expect(result.status == 0, "\(result)")
            #expect(result.stdout.contains("Password of \(realm.ann): "), "\(result)")
            #expect(result.stdout.contains(realm.ann), "\(result)")
            #expect(!result.stdout.contains(realm.annPassword) && !result.stdout.contains("wrong"), "\(result)")
            #expect(!result.stdout.contains("the arguments hold"), "\(result)")
        }
    }

    /// The option completes a string without a user, and comes before the string's.
    @Test(arguments: ["", "/", "/?", "/?appName=test", "/?authMechanism=GSSAPI"])
    func aPrincipalByOption(rest: String) async throws {
        let realm = try await SharedRealm.shared
        try await withServer(realm) { authority in
            let service = "authMechanismProperties=SERVICE_HOST:localhost"
            let query = rest.contains("?") ? (rest.hasSuffix("?") ? service : "&\(service)") : "?\(service)"
            let path = rest.isEmpty ? "/" : rest
            for user in ["", "carol@"] {
                let outcome = try await check(
                    [
                        "mongodb://\(user)\(authority)\(path)\(query)", "--principal", realm.ann, "--keytab",
                        realm.annKeytab,
                    ], in: realm)
                expectUser(realm.ann, outcome)
            }
        }
    }

    // MARK: - What does not

    @Test func failuresSayWhatIsWrong() async throws {
        let realm = try await SharedRealm.shared
        // A missing keytab must not be reported as a wrong key.
        let careful = "careful-\(UUID().uuidString.prefix(8))"
        try await realm.realm.addPrincipals([
            NewPrincipal(careful, password: "something", traits: [.requiresPreauthentication])
        ])
        let wrong = try newFile("a wrong password\n")
        let nobody = try newFile("")
        defer {
            try? FileManager.default.removeItem(atPath: wrong)
            try? FileManager.default.removeItem(atPath: nobody)
        }
        try await withServer(realm) { authority in
            let cases: [(user: String, options: [String], status: Int32, names: [String])] = [
                (realm.ann, ["--password-file", wrong], 22, [realm.ann]),
                ("carol", ["--password-file", wrong], 22, ["carol"]),
                (realm.bob, ["--keytab", realm.annKeytab], 20, [realm.bob]),
                (realm.ann, ["--keytab", "/nonexistent/keytab"], 20, ["/nonexistent/keytab"]),
                (careful, ["--keytab", "/nonexistent/keytab"], 20, ["/nonexistent/keytab"]),
                (realm.bob, ["--ccache", realm.annCache], 20, [realm.ann, realm.bob]),
                (realm.bob, ["--ccache", "FILE:/nonexistent/cache"], 20, ["/nonexistent/cache"]),
            ]
            for failing in cases {
                let outcome = try await check([gssapiURI(failing.user, authority)] + failing.options, in: realm)
                #expect(outcome.status == failing.status, "\(outcome)")
                #expect(outcome.failure?.phase == "kerberos", "\(outcome)")
                for name in failing.names { #expect(outcome.advice.contains(name), "\(outcome)") }
                #expect(!outcome.description.contains("a wrong password"))
            }
        }
    }

    @Test(arguments: [
        ["--ccache", "FILE:/tmp/x", "--keytab", "/tmp/y"], ["--keytab", "/tmp/y", "--ask-password"],
        ["--password-file", "/nonexistent"], ["--password-file", "/dev/null"], ["--password-file", "-"],
        ["--ask-password"],
    ])
    func optionsThatCannotBe(_ options: [String]) async throws {
        let uri = options == ["--password-file", "-"] ? "-" : "mongodb://ann@localhost/?authMechanism=GSSAPI"
        // A session of its own has no terminal to ask on.
        let result = try await Child.run(
            BuiltExecutable.system("setsid", package: "util-linux"),
            ["--wait", BuiltExecutable.url(named: "authcheck").path, uri] + options)
        #expect(result.status == 64, "\(result)")
        #expect(result.stderr.contains("Error: "), "\(result)")
    }
}

import Foundation
import Glibc
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// The program `testrealm`: a realm for tests in any language.
@Suite struct TestRealmTests {
    private func testrealm(
        _ arguments: [String], environment: [String: String] = [:], standardInput: String = ""
    ) async throws -> Child.Result {
        try await Child.run(
            BuiltExecutable.url(named: "testrealm"),
            Array(arguments.prefix(1)) + (arguments.isEmpty ? [] : backend) + arguments.dropFirst(),
            environment: environment, standardInput: standardInput)
    }

    /// The options that have the realm's KDC where this run of the tests has them.
    private var backend: [String] {
        get throws { try KerberosRealm.Backend.chosenOptions }
    }

    /// What `up --format json` prints, written independently: what programs rely on.
    private struct Description: Decodable {
        struct User: Decodable, Equatable {
            var principal: String
            var password: String?
        }

        struct KDC: Decodable {
            var addresses: [String]
            var port: Int
        }

        var schema: String
        var realm: String
        var processIdentifier: Int32
        var folder: String
        var kdc: KDC
        var users: [User]
        var services: [String]
        var keytab: String
        var environment: [String: String]
    }

    // MARK: - run

    /// PyMongo shares no line with us; it finds realm, ticket and server in its environment alone.
    @Test func pymongoAuthenticatesInAFreshRealm() async throws {
        let python = try BuiltExecutable.system("python3", package: "python3")
        let program = """
            import os, pymongo
            client = pymongo.MongoClient(os.environ["MONGODB_URI"], serverSelectionTimeoutMS=20000)
            status = client.admin.command("connectionStatus")
            print(status["authInfo"]["authenticatedUsers"][0]["user"])
            """
        let result = try await testrealm([
            "run", "--server", "--user", "eve:pass word", "--", python.path, "-c", program,
        ])
        #expect(result.status == 0, "PyMongo with its Kerberos extra is needed (`make test` installs it): \(result)")
        #expect(result.stdout == "eve@EXAMPLE.TEST\n", "\(result)")
    }

    /// The C driver as the documentation has it: compiled here, it finds everything in its environment.
    @Test func theDriverForCAuthenticatesInAFreshRealm() async throws {
        try await withFolder { folder in
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("MongoTestServerTests/Peers/libmongoc_peer.c")
            let script = #"""
                cc -Wall -Werror -o "$1" "$2" $(pkg-config --cflags --libs libmongoc-1.0) && exec "$1" "$MONGODB_URI"
                """#
            let result = try await testrealm([
                "run", "--server", "--user", "eve:pass word", "--", "sh", "-c", script, "sh",
                folder.appendingPathComponent("peer").path, source.path,
            ])
            #expect(result.status == 0, "gcc, pkg-config and libmongoc-dev are needed: \(result)")
            #expect(result.stdout.contains(#""user" : "eve@EXAMPLE.TEST""#), "\(result)")
        }
    }

    /// No process is left to stop anything: the command is signalled, and server, KDC and folder are removed by their
    /// guards.
    @Test func whenItIsKilledNothingIsLeft() async throws {
        try await withFolder { folder in
            let file = folder.appendingPathComponent("started")
            let told = folder.appendingPathComponent("told").path
            let script = #"""
                trap 'echo >"$2"; exit' TERM
                for each in /proc/[0-9]*; do
                    { read -r number name state parent rest <"$each/stat"; } 2>/dev/null || continue
                    [ "$parent" != "$TESTREALM_PID" ] || children="$children $number"
                done
                echo "$TESTREALM_FOLDER $TESTREALM_PID$children" >"$1"
                while :; do sleep 0.02; done
                """#
            let running = Task {
                try await testrealm(["run", "--server", "--", "sh", "-c", script, "sh", file.path, told])
            }
            let words = try await line(of: file).split { $0.isWhitespace }.map(String.init)
            let processes = words.dropFirst().compactMap { Int32($0) }
            // Itself, the command, the server, and the guards of the command and of the realm. A sanitizer may have a
            // child of its own.
            try #require(processes.count >= 5 && words.count == processes.count + 1, "\(words)")
            #expect(kill(processes[0], SIGKILL) == 0)
            #expect(try await running.value.status == 128 + SIGKILL)
            #expect(await becomesTrue { FileManager.default.fileExists(atPath: told) })
            // The folder goes last, after the KDC.
            #expect(await becomesTrue { !FileManager.default.fileExists(atPath: words[0]) })
            #expect(await becomesTrue { !processes.contains(where: isRunning) })
        }
    }

    @Test(
        "With --container the KDC is in one, and in none afterwards",
        .enabled(if: KerberosRealm.Backend.isContainerChosen, "KERBEROS_REALM=containers runs this"))
    func container() async throws {
        let script =
            #"echo "$TESTREALM_FOLDER"; docker ps --quiet --filter "label=kerberos-realm=${TESTREALM_FOLDER##*/}""#
        let result = try await testrealm(["run", "--", "sh", "-c", script])
        let lines = result.stdout.split(separator: "\n").map(String.init)
        try #require(result.status == 0 && lines.count == 2, "\(result)")
        let left = try await Child.run(
            BuiltExecutable.system("docker", package: "docker.io"), ["ps", "--all", "--quiet", "--no-trunc"])
        #expect(left.status == 0 && !left.stdout.contains(lines[1]), "\(left)")
    }

    @Test(
        "The exit status is the command's, as a shell has it",
        arguments: [
            (["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], 128 + SIGTERM),
            (["sh", "-c", "kill -KILL $$"], 128 + SIGKILL), (["no-such-command"], 127), (["/etc/passwd"], 126),
        ] as [([String], Int32)])
    func exitStatus(command: [String], expected: Int32) async throws {
        let result = try await testrealm(["run", "--"] + command)
        #expect(result.status == expected, "\(result)")
        #expect(result.stdout.isEmpty, "\(result)")
    }

    @Test func theCommandHasOurInputAndItsArgumentsAsTheyAre() async throws {
        let result = try await testrealm(
            ["run", "--", "sh", "-c", #"printf '%s|' "$@"; cat"#, "sh", "--realm", "a b", "", "--"],
            standardInput: "from outside")
        #expect(result.status == 0 && result.stdout == "--realm|a b||--|from outside", "\(result)")
    }

    @Test("Signals reach the command, which decides how to end", arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    func signals(number: Int32) async throws {
        let script = #"trap 'exit 5' TERM INT HUP USR1; echo '{"listening": []}'; while :; do sleep 0.02; done"#
        let process = try await ServerProcess(
            BuiltExecutable.url(named: "testrealm"), ["run"] + backend + ["--", "sh", "-c", script], environment: [:])
        #expect(kill(process.processIdentifier, number) == 0)
        let result = try await process.wait()
        #expect(result.status == 5, "\(result)")
    }

    /// A program of the KDC that does not come to its end is not waited for.
    @Test(
        "A signal that comes before the realm is ready ends it", arguments: [SIGTERM, SIGINT],
        [["run", "--", "true"], ["up"]])
    func signalsWhilePreparing(number: Int32, arguments: [String]) async throws {
        try await withFolder { folder in
            // The name of a process that waits cannot be mistaken for another test's.
            let script = """
                printf '#!/bin/sh\\necho $$ >"%s/began"; exec sleep 1000\\n' "$folder" >"$folder/kdb5_util"
                chmod 700 "$folder/kdb5_util"
                PATH="$folder:$PATH" TMPDIR="$folder/tmp" "$@" & own=$!
                mkdir "$folder/tmp"
                while ! [ -s "$folder/began" ]; do sleep 0.02; done
                kill -$number $own
                wait $own
                echo "status $?"
                kill -0 "$(cat "$folder/began")" 2>/dev/null && echo "left behind"
                ls "$folder/tmp"
                """
            let result = try await Child.run(
                BuiltExecutable.system("bash", package: "bash"),
                ["-c", script, "sh", BuiltExecutable.url(named: "testrealm").path] + arguments,
                environment: ["folder": folder.path, "number": "\(number)"])
            #expect(result.stdout == "status \(128 + number)\n", "\(result)")
        }
    }

    @Test func optionsReachTheRealm() async throws {
        try await withFolder { folder in
            let keytab = folder.appendingPathComponent("copy.keytab")
            let result = try await testrealm([
                "run", "--realm", "OTHER.TEST", "--user", "ann:secret", "--user", "bob", "--ccache", "bob",
                "--service", "HTTP/web.test", "--service", "mongodb/db.test", "--keytab", keytab.path,
                "--client-keytab", "--ticket-lifetime", "90s", "--encryption-type", "aes128-cts-hmac-sha1-96",
                "--", "sh", "-c", #"klist -e; klist -k; klist -k "$KRB5_CLIENT_KTNAME"; echo secret | kinit ann"#,
            ])
            #expect(result.status == 0, "\(result)")
            for words in [
                "Default principal: bob@OTHER.TEST", "HTTP/web.test@OTHER.TEST", "mongodb/db.test@OTHER.TEST",
                "ann@OTHER.TEST", "aes128-cts-hmac-sha1-96",
            ] {
                #expect(result.stdout.contains(words), "\(result)")
            }
            // Samba's ticket-granting tickets have AES-256 whatever clients and accounts have.
            if !KerberosRealm.Backend.isSambaChosen { #expect(!result.stdout.contains("aes256"), "\(result)") }
            let keys = try FileManager.default.attributesOfItem(atPath: keytab.path)
            #expect(keys[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test(
        "Bad arguments are a usage error",
        arguments: [
            [], ["run"], ["run", "--"], ["run", "true"], ["up", "--format", "xml"], ["up", "--for", "0"],
            ["run", "--user", "", "--", "true"], ["run", "--user", "ann:", "--", "true"],
            ["run", "--ccache", "nobody", "--", "true"], ["run", "--ticket-lifetime", "soon", "--", "true"],
            ["run", "--ticket-lifetime", "99999999d", "--", "true"], ["run", "--realm", "A B", "--", "true"],
            ["run", "--encryption-type", "a b", "--", "true"], ["run", "--server", "--service", "a/b", "--", "true"],
            ["up", "--exit-with-input", "--for", "1"], ["demo", "--format", "xml"], ["demo", "up"],
        ] as [[String]])
    func badArguments(arguments: [String]) async throws {
        let result = try await testrealm(arguments)
        // Without any argument it prints its help.
        #expect(result.status == (arguments.isEmpty ? 0 : 64), "\(result)")
    }

    @Test func aRealmThatDoesNotStartIsNoStatusOfTheCommand() async throws {
        let result = try await testrealm(["run", "--encryption-type", "no-such-type", "--", "true"])
        #expect(result.status == 125 && result.stderr.hasPrefix("testrealm: "), "\(result)")
    }

    /// With only `testrealm` built, it says what else to build, before anything starts.
    @Test(arguments: [
        (["run", "--server", "--", "true"], "mongo-test-server"), (["demo"], "authcheck"),
        (["demo", "--break", "all"], "authcheck"),
    ])
    func aProgramThatIsNotBuilt(arguments: [String], missing: String) async throws {
        try await withFolder { folder in
            let copy = folder.appendingPathComponent("testrealm")
            try FileManager.default.copyItem(at: BuiltExecutable.url(named: "testrealm"), to: copy)
            let result = try await Child.run(copy, arguments)
            #expect(result.status == 125 && result.stdout.isEmpty, "\(result)")
            #expect(result.stderr.contains("`swift build --product \(missing)`"), "\(result)")
            #expect(result.stderr.split(separator: "\n").count == 1, "\(result)")
        }
    }

    // MARK: - up

    @Test func upTellsProgramsAllTheyNeedAndEndsAtASignal() async throws {
        // What is printed is a line of JSON, but not the one that a server prints.
        let script =
            #"file=$1; shift; exec "$0" up --format json --user ann:it\'s --service svc/localhost "$@" >"$file""#
        try await withFolder { folder in
            let file = folder.appendingPathComponent("realm.json")
            let program = try BuiltExecutable.url(named: "testrealm").path
            let running = Task {
                try await Child.run(
                    BuiltExecutable.system("sh", package: "dash"), ["-c", script, program, file.path] + backend)
            }
            let text = try await line(of: file)
            let realm = try JSONDecoder().decode(Description.self, from: Data(text.utf8))
            #expect(realm.schema == "testrealm.up/1" && realm.realm == "EXAMPLE.TEST")
            #expect(realm.users == [Description.User(principal: "ann@EXAMPLE.TEST", password: "it's")])
            #expect(realm.services == ["svc/localhost"] && realm.kdc.addresses.isEmpty == false && realm.kdc.port > 0)
            #expect(realm.environment["KRB5_KTNAME"] == realm.keytab)
            let kvno = try await Child.run(
                BuiltExecutable.system("kvno", package: "krb5-user"), ["-k", realm.keytab, "svc/localhost"],
                environment: realm.environment)
            #expect(kvno.status == 0, "\(kvno)")
            #expect(kill(realm.processIdentifier, SIGTERM) == 0)
            let result = try await running.value
            #expect(result.status == 0, "\(result)")
            #expect(!FileManager.default.fileExists(atPath: realm.folder))
        }
    }

    @Test func aShellUsesItWithEvalAndItEndsWithTheShell() async throws {
        let script = #"""
            eval "$("$0" up --for $$ --user 'ann:it'"'"'s' "$@")" || exit 9
            echo "$TESTREALM_FOLDER"
            printf '%s\n' "$TESTREALM_PASSWORD" | kinit "$TESTREALM_USER" >/dev/null && klist
            """#
        let result = try await Child.run(
            BuiltExecutable.system("sh", package: "dash"),
            ["-c", script, BuiltExecutable.url(named: "testrealm").path] + backend)
        #expect(result.status == 0 && result.stdout.contains("Default principal: ann@EXAMPLE.TEST"), "\(result)")
        let folder = try #require(result.stdout.split(separator: "\n").first.map(String.init))
        #expect(await becomesTrue { !FileManager.default.fileExists(atPath: folder) })
    }

    @Test func aFailureInTheBackgroundIsTold() async throws {
        let result = try await testrealm(["up", "--for", "\(getpid())", "--encryption-type", "no-such-type"])
        #expect(result.status == 125 && result.stdout.isEmpty && result.stderr.hasPrefix("testrealm: "), "\(result)")
    }

    @Test func itEndsWithItsParent() async throws {
        try await withFolder { folder in
            let file = folder.appendingPathComponent("realm.json")
            let script =
                #"file=$1; shift; "$0" up --format json "$@" >"$file" & while ! [ -s "$file" ]; do sleep 0.02; done"#
            let result = try await Child.run(
                BuiltExecutable.system("sh", package: "dash"),
                ["-c", script, BuiltExecutable.url(named: "testrealm").path, file.path] + backend)
            #expect(result.status == 0, "\(result)")
            let realm = try JSONDecoder().decode(Description.self, from: Data(contentsOf: file))
            #expect(await becomesTrue { !FileManager.default.fileExists(atPath: realm.folder) })
            #expect(await becomesTrue { !isRunning(realm.processIdentifier) })
        }
    }

    @Test func itEndsWithItsInput() async throws {
        let result = try await testrealm(["up", "--format", "json", "--exit-with-input"])
        #expect(result.status == 0, "\(result)")
        let realm = try JSONDecoder().decode(Description.self, from: Data(result.stdout.utf8))
        #expect(!FileManager.default.fileExists(atPath: realm.folder))
    }

    // MARK: - Helpers

    /// The first line of a file, once it has one.
    private func line(of file: URL) async throws -> String {
        var text = ""
        let came = await becomesTrue {
            text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return text.contains("\n")
        }
        guard came else { throw TestSupportError("testrealm printed nothing") }
        return text
    }
}

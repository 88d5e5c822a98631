import Foundation
import TestSupport
import Testing

/// The command line itself, with no realm and no server.
@Suite struct CommandLineTests {
    /// Connection strings that cannot be used: each is refused before anything is connected to.
    @Test(arguments: [
        "",
        "localhost",
        "postgres://ann@localhost",
        "mongodb://",
        "mongodb://ann@localhost:0/?authMechanism=GSSAPI",
        "mongodb://ann@localhost:65536/?authMechanism=GSSAPI",
        "mongodb://ann@[::1/?authMechanism=GSSAPI",
        "mongodb://ann%4@localhost/?authMechanism=GSSAPI",
        "mongodb://@localhost/?authMechanism=GSSAPI",
        "mongodb://localhost/?authMechanism=GSSAPI",
        "mongodb://localhost/",
        "mongodb://ann@localhost/?authMechanism=GSSAPI&authSource=admin",
        "mongodb://ann@localhost/?authMechanism=NOSUCH",
        "mongodb://ann@localhost/?authMechanism=GSSAPI&authMechanismProperties=CANONICALIZE_HOST_NAME:perhaps",
    ])
    func aBadConnectionStringIsAUsageError(_ uri: String) async throws {
        let result = try await AuthCheck.run(["check", uri, "--format", "json"])
        #expect(result.status == 64, "\(result)")
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
        #expect(report.result == "failed")
        #expect(report.exitStatus == 64)
        #expect(report.failure?.class == "usage")
        #expect(report.failure?.phase == nil)
        #expect(report.failure?.message.isEmpty == false)
        #expect(report.hosts.isEmpty)
    }

    /// What a driver would do, without a realm, a name server or a server.
    @Test(arguments: [
        "mongodb://ann%40EXAMPLE.COM@db1,[::1]:27018/?authMechanism=GSSAPI&tls=true&nosuch=1",
        "mongodb+srv://ann%40EXAMPLE.COM@cluster.example.com/?authMechanism=GSSAPI",
        "mongodb://%2Ftmp%2Fx.sock/",
    ])
    func explainShowsWhatAStringMeans(_ uri: String) async throws {
        let json = try await AuthCheck.run(["explain", uri, "--format", "json"])
        #expect(json.status == 0, "\(json)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(json.stdout.utf8)) as? [String: Any], "\(json)")
        let keys: Set = ["hosts", "credential", "database", "options", "warnings"]
        #expect(keys.isSubset(of: report.keys), "\(report.keys)")
        let text = try await AuthCheck.run(["explain", uri, "--format", "text"])
        #expect(text.status == 0, "\(text)")
        let hosts = try #require(report["hosts"] as? [[String: Any]])
        #expect(!hosts.isEmpty)
        for host in hosts {
            let name = try #require(host["host"] as? String)
            #expect(host.keys.contains("port") && host["type"] is String, "\(host)")
            #expect(text.stdout.contains(name), "\(text)")
        }
    }

    /// The reason, and the place in the string.
    @Test(arguments: [
        ("mongodb://localhost:0/", "a port is a number", "(host 1, byte 20 of the connection string)"),
        ("mongodb://a,b/?w", "name=value", "(options, byte 15 of the connection string)"),
    ])
    func explainRefusesWhatCannotBeUsed(uri: String, reason: String, place: String) async throws {
        let json = try await AuthCheck.run(["explain", uri, "--format", "json"])
        #expect(json.status == 64, "\(json)")
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(json.stdout.utf8))
        let message = try #require(report.failure?.message)
        #expect(message.contains(reason) && message.contains(place), "\(message)")
        let text = try await AuthCheck.run(["explain", uri, "--format", "text"])
        #expect(text.status == 64, "\(text)")
        #expect(text.stdout.contains(message), "\(text)")
    }

    /// All that is wrong, each with its place and what to write; `check` says the first.
    @Test func explainTellsEveryError() async throws {
        struct Refusal: Decodable {
            struct Problem: Decodable {
                var code: String
                var message: String
                var part: String
                var offset: Int
                var advice: String?
            }

            var errors: [Problem]
        }

        let uri = "mongodb://localhost:0/?authMechanism=NTLM&w=-1"
        let json = try await AuthCheck.run(["explain", uri, "--format", "json"])
        #expect(json.status == 64, "\(json)")
        try JSONSchema("authcheck.explain").check(json.stdout)
        let errors = try JSONDecoder().decode(Refusal.self, from: Data(json.stdout.utf8)).errors
        #expect(errors.map(\.code) == ["invalid-port", "unsupported-mechanism", "invalid-option"], "\(json)")
        #expect(errors.map(\.part) == ["host 1", "options: authMechanism", "options: w"], "\(json)")
        #expect(errors.map(\.offset) == [20, 23, 42], "\(json)")
        #expect(errors.map { $0.advice != nil } == [true, true, false], "\(json)")
        let text = try await AuthCheck.run(["explain", uri])
        #expect(text.status == 64, "\(text)")
        #expect(text.stdout.contains("\n2 more errors:\n"), "\(text)")
        for error in errors {
            #expect(text.stdout.contains(error.message), "\(text)")
            #expect(text.stdout.contains("\(error.part), byte \(error.offset)"), "\(text)")
            if let advice = error.advice { #expect(text.stdout.contains(advice), "\(text)") }
        }
        let check = try await AuthCheck.run([uri, "--format", "json"])
        try JSONSchema("authcheck.check").check(check.stdout)
        #expect(check.status == 64 && check.stdout.contains(errors[0].message), "\(check)")
        #expect(!check.stdout.contains(errors[1].message), "\(check)")
    }

    @Test(arguments: [
        [], ["--nosuch"], ["mongodb://ann@localhost", "--concurrency", "0"],
        ["mongodb://ann@localhost", "--format", "xml"],
        ["mongodb://ann@localhost", "--timeout", "soon"], ["mongodb://ann@localhost", "--timeout", "0s"],
        ["mongodb://ann@localhost", "--timeout", "-1s"], ["mongodb://ann@localhost", "--timeout"],
        ["mongodb://ann@localhost", "--timeout", "nan"], ["mongodb://ann@localhost", "--timeout", "inf"],
    ])
    func badArgumentsAreAUsageError(_ arguments: [String]) async throws {
        let result = try await AuthCheck.run(arguments)
        #expect(result.status == 64, "\(result)")
        #expect(result.stdout.isEmpty, "\(result)")
        #expect(result.stderr.contains("Error: "), "\(result)")
        #expect(result.stderr.contains("See 'authcheck "), "\(result)")
    }

    /// The shell itself reads the script.
    @Test(arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) async throws {
        let result = try await AuthCheck.run(["completions", shell])
        #expect(
            result.status == 0 && result.stdout.contains("environment") && result.stdout.contains("fail-on-warning"),
            "\(result)")
        guard shell == "bash" else { return }
        let check = try await Child.run(URL(fileURLWithPath: "/bin/bash"), ["-n"], standardInput: result.stdout)
        #expect(check.status == 0, "\(check)")
    }

    /// A requested JSON format is used, whatever is wrong with the arguments.
    @Test(arguments: [
        ["mongodb://ann@localhost", "--nosuch"], ["--uri-file", "/nonexistent/uris"], ["db.example.com"],
        ["mongodb://ann@localhost/?authMechanism=GSSAPI", "--password-file", "/nonexistent"],
    ])
    func badArgumentsHaveAJSONObject(_ arguments: [String]) async throws {
        for format in [["--format", "json"], ["--format=json"]] {
            let outcome = try AuthCheck.read(try await AuthCheck.run(arguments + format))
            #expect(outcome.status == 64 && outcome.failure?.class == "usage", "\(outcome)")
        }
    }

    @Test(arguments: [("COLUMNS", "80"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("TERM", "dumb")])
    func theTextObeysTheEnvironment(name: String, value: String) async throws {
        let result = try await AuthCheck.run(
            ["mongodb://ann%40R@127.0.0.1:1/?authMechanism=GSSAPI&authMechanismProperties=SERVICE_HOST:a.example.com"],
            environment: ["LANG": "C.UTF-8", "NO_COLOR": ""].merging([name: value]) { $1 })
        #expect(result.stdout.contains("\u{1B}[") == (name == "CLICOLOR_FORCE"), "\(result)")
        #expect(result.stdout.contains("[FAIL]") == (name == "TERM"), "\(result)")
        if name == "COLUMNS" {
            #expect(result.stdout.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(result)")
        }
    }

    /// A password that is in a string by mistake is not printed.
    @Test(arguments: ["text", "json"])
    func aPasswordIsNotRepeated(format: String) async throws {
        for uri in [
            "mongodb://ann:hunter2secret@localhost:99999/?authMechanism=GSSAPI",
            "mongodb://ann:hunter2secret@localhost/?authMechanism=NOSUCH",
            "mongodb://ann:hunter2secret@/",
        ] {
            let result = try await AuthCheck.run(["check", uri, "--format", format, "--verbose"])
            #expect(result.status == 64, "\(result)")
            #expect(!result.stdout.contains("hunter2secret"), "\(result)")
            #expect(!result.stderr.contains("hunter2secret"), "\(result)")
        }
    }

    @Test func theVersionIsOneLine() async throws {
        let result = try await AuthCheck.run(["--version"])
        #expect(result.status == 0)
        #expect(result.stdout.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil, "\(result)")
        #expect(result.stderr.isEmpty)
    }

    @Test(arguments: [["--help"], ["check", "--help"]])
    func theHelpNamesTheOptions(_ arguments: [String]) async throws {
        let result = try await AuthCheck.run(arguments)
        #expect(result.status == 0)
        #expect(result.stdout.contains("USAGE: authcheck"), "\(result)")
        let words = arguments.count == 1 ? ["check", "explain", "--version"] : ["--format", "--timeout", "mongodb://"]
        for word in words { #expect(result.stdout.contains(word), "\(result)") }
        #expect(result.stderr.isEmpty)
    }

    @Test func theHelpListsEveryExitStatus() async throws {
        let result = try await AuthCheck.run(["--help"])
        for status in [10, 11, 12, 13, 20, 21, 22, 23, 24, 25, 30, 31, 32, 33, 40, 64] {
            let words = result.stdout.split { $0.isWhitespace }
            #expect(words.contains("\(status)"), "\(result)")
        }
    }
}

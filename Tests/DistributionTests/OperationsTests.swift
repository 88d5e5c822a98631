import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// The files in `Examples/operations`: each is read by what it is for, and its command is run against a server.
@Suite struct OperationsTests {
    private static let installed = "/usr/local/bin/authcheck"

    private func example(_ name: String) throws -> String {
        try ProjectFiles.text("Examples/operations/\(name)")
    }

    private func built() throws -> String {
        try BuiltExecutable.url(named: "authcheck").path
    }

    /// Runs `body` beside a server that lets ann in, with its port.
    private func withServer(_ body: (SharedRealm, Int) async throws -> Void) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=readWrite@test"])
        try await body(realm, server.port)
        try await server.stop()
    }

    private func shell(_ script: String, _ environment: [String: String]) async throws -> Child.Result {
        try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script], environment: environment)
    }

    // MARK: - Nagios

    /// The lines of the first definition of a kind, as name and value.
    private func definition(_ kind: String) throws -> [String: String] {
        let lines = try example("nagios.cfg").split(separator: "\n").drop { $0 != "define \(kind) {" }.dropFirst()
        let pairs = lines.prefix { $0 != "}" }.map { line in
            let words = line.split(separator: " ", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return (words[0], words.count > 1 ? words[1] : "")
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// As Nagios does it: macros are replaced, and a shell gets the line.
    @Test func theCommandForNagios() async throws {
        let command = try definition("command")
        let call = try #require(try definition("service")["check_command"]).split(separator: "!")
        #expect(call.first.map(String.init) == command["command_name"])
        let line = try #require(command["command_line"])
        #expect(call.dropFirst().indices.allSatisfy { line.contains("$ARG\($0)$") })
        try await withServer { realm, port in
            func run(_ principal: String) async throws -> Child.Result {
                let macros = [
                    Self.installed: try built(), "$HOSTADDRESS$": "localhost", "$ARG1$": principal,
                    "$ARG2$": realm.annKeytab, "$ARG3$": "\(port)",
                ]
                let line = macros.reduce(line) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
                #expect(!line.contains("$"), "\(line)")
                return try await shell(line, realm.realm.environment())
            }
            let well = try await run(realm.ann)
            #expect(well.status == 0, "\(well)")
            #expect(well.stdout.hasPrefix("AUTHCHECK OK - authenticated as \(realm.ann)"), "\(well)")
            let ill = try await run(realm.bob)
            #expect(ill.status == 2, "\(ill)")
            #expect(ill.stdout.hasPrefix("AUTHCHECK CRITICAL - no-credentials: "), "\(ill)")
        }
    }

    // MARK: - systemd

    /// systemd reports unknown names as ignored, and continues.
    @Test func systemdTakesTheUnits() async throws {
        try await ProjectFiles.withFolder { folder in
            let names = ["authcheck@.service", "authcheck@.timer"]
            for name in names {
                let text = try example(name).replacingOccurrences(of: Self.installed, with: try built())
                try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            }
            let result = try await Child.run(
                BuiltExecutable.system("systemd-analyze", package: "systemd"),
                ["verify", "--man=no"] + names.map { folder.appendingPathComponent($0).path })
            #expect(result.status == 0 && result.stdout.isEmpty, "\(result)")
            #expect(!result.stderr.contains("authcheck@"), "\(result)")
        }
    }

    /// What the service starts, for an application that is named app, with its files in a folder of the test's.
    @Test func theServiceWritesMetrics() async throws {
        let lines = try example("authcheck@.service").split(separator: "\n")
        func value(_ name: String) throws -> String {
            let line = try #require(lines.first { $0.hasPrefix("\(name)=") }, "\(name)")
            return line.dropFirst(name.count + 1).replacingOccurrences(of: "%i", with: "app")
        }
        let settings = try value("EnvironmentFile")
        #expect(settings == "-/etc/authcheck/app.env")
        #expect(try value("User") == "app")
        #expect(try value("StateDirectory") == "authcheck/app")
        let command = try value("ExecStart")
        #expect(command.contains(" --output /var/lib/authcheck/app/authcheck.prom"))
        try await withServer { realm, port in
            for (user, cache, status) in [(realm.ann, realm.annCache, 0), (realm.bob, realm.bobCache, 30)] {
                try await ProjectFiles.withFolder { folder in
                    let uri =
                        "mongodb://\(user.replacingOccurrences(of: "@", with: "%40"))@localhost:\(port)/?authMechanism=GSSAPI"
                    try "# of app\n\(uri)\n".write(
                        to: folder.appendingPathComponent("app.uris"), atomically: true, encoding: .utf8)
                    let command = [
                        Self.installed: try built(), "/etc/authcheck": folder.path,
                        "/var/lib/authcheck/app": folder.path,
                    ].reduce(command) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
                    let result = try await shell("exec \(command)", realm.realm.environment(cache: cache))
                    #expect(result.status == Int32(status) && result.stdout.isEmpty, "\(result)")
                    let metrics = try String(
                        contentsOf: folder.appendingPathComponent("authcheck.prom"), encoding: .utf8)
                    #expect(
                        metrics.contains("authcheck_success{uri=\"\(uri)\"} \(status == 0 ? 1 : 0)\n"), "\(metrics)")
                    #expect(metrics.contains("authcheck_exit_status{uri=\"\(uri)\"} \(status)\n"), "\(metrics)")
                    #expect(metrics.hasSuffix("\n"))
                }
            }
        }
    }

    // MARK: - Kubernetes

    private struct Manifest: Decodable {
        struct Variable: Decodable, Equatable {
            var name: String
            var value: String
        }

        struct Mount: Decodable, Equatable {
            var name: String
            var mountPath: String
        }

        struct Container: Decodable {
            var args: [String]?
            var env: [Variable]
            var volumeMounts: [Mount]
        }

        struct Reference: Decodable {
            var name: String?
            var secretName: String?
        }

        struct Volume: Decodable {
            var name: String
            var configMap: Reference?
            var secret: Reference?
        }

        struct PodSpec: Decodable {
            var initContainers: [Container]
            var containers: [Container]
            var volumes: [Volume]
        }

        struct Template: Decodable {
            var spec: PodSpec
        }

        struct Spec: Decodable {
            var template: Template
        }

        struct Metadata: Decodable {
            var name: String
        }

        var kind: String
        var metadata: Metadata
        var data: [String: String]?
        var spec: Spec?
    }

    @Test func theInitContainerFindsWhatTheApplicationFinds() async throws {
        let yaml = ProjectFiles.root.appendingPathComponent("Examples/operations/kubernetes.yaml").path
        let json = try await ProjectFiles.python(
            "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))", [yaml])
        #expect(json.status == 0, "python3-yaml is needed: \(json)")
        let manifests = try JSONDecoder().decode([Manifest].self, from: Data(json.stdout.utf8))
        let pod = try #require(manifests.first { $0.kind == "Deployment" }?.spec?.template.spec)
        let check = try #require(pod.initContainers.first)
        let application = try #require(pod.containers.first)
        #expect(check.env == application.env)
        #expect(check.volumeMounts == application.volumeMounts)
        #expect(Set(check.volumeMounts.map(\.name)) == Set(pod.volumes.map(\.name)))
        let map = try #require(manifests.first { $0.kind == "ConfigMap" })
        #expect(pod.volumes.compactMap(\.configMap?.name) == [map.metadata.name])
        #expect(map.data?["krb5.conf"]?.contains("default_realm = EXAMPLE.COM") == true)

        try await withServer { realm, port in
            try await ProjectFiles.withFolder { folder in
                // The mounts, as folders of the test's.
                func inside(_ text: String) -> String {
                    check.volumeMounts.sorted { $0.mountPath.count > $1.mountPath.count }.reduce(text) {
                        $0.replacingOccurrences(of: $1.mountPath + "/", with: "\(folder.path)/\($1.name)/")
                    }
                }
                for mount in check.volumeMounts {
                    try FileManager.default.createDirectory(
                        at: folder.appendingPathComponent(mount.name), withIntermediateDirectories: false)
                }
                var environment = Dictionary(uniqueKeysWithValues: check.env.map { ($0.name, inside($0.value)) })
                let configuration = try #require(realm.realm.environment()["KRB5_CONFIG"])
                try FileManager.default.copyItem(atPath: configuration, toPath: environment["KRB5_CONFIG"] ?? "")
                let keytab = try #require(environment["KRB5_CLIENT_KTNAME"]).replacingOccurrences(of: "FILE:", with: "")
                try FileManager.default.copyItem(atPath: realm.annKeytab, toPath: keytab)
                environment["MONGODB_URI"] = environment["MONGODB_URI"]?
                    .replacingOccurrences(of: "app%40EXAMPLE.COM", with: "ann%40\(realm.realm.name)")
                    .replacingOccurrences(of: "db.example.com", with: "localhost:\(port)")
                let arguments = environment.reduce(check.args ?? []) { arguments, variable in
                    arguments.map { $0.replacingOccurrences(of: "$(\(variable.key))", with: variable.value) }
                }
                func run() async throws -> Child.Result {
                    try await Child.run(URL(fileURLWithPath: try built()), arguments, environment: environment)
                }
                let well = try await run()
                #expect(well.status == 0 && well.stdout.contains("authenticated as \(realm.ann)"), "\(well)")
                try FileManager.default.removeItem(atPath: keytab)
                let ill = try await run()
                #expect(ill.status == 20, "\(ill)")
            }
        }
    }
}

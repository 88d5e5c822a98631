import Foundation
import Glibc
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// A realm whose KDC is in a container. Needs an engine and the image, so the environment enables it.
@Suite(.enabled(if: KerberosRealm.Backend.isContainerChosen, "KERBEROS_REALM=containers runs these"))
struct ContainerRealmTests {
    /// The ids of the containers of a realm, running or not.
    private func containers(of folder: String) async throws -> [String] {
        let mark = folder.split(separator: "/").last ?? ""
        let docker = try BuiltExecutable.system("docker", package: "docker.io")
        let listing = try await Child.run(
            docker, ["ps", "--all", "--quiet", "--filter", "label=kerberos-realm=\(mark)"])
        try #require(listing.status == 0, "\(listing)")
        return listing.stdout.split(separator: "\n").map(String.init)
    }

    @Test("It gives tickets; it can be paused, stopped and restarted; nothing is left of it")
    func life() async throws {
        let realm = try await KerberosRealm.start(KerberosRealm.Configuration(backend: .chosen))
        #expect(await realm.processIdentifier == nil)
        try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost")])
        let cache = try await realm.makeCache("ann", password: "secret")
        let keytab = try await realm.makeKeytab(for: ["svc/localhost"])
        let kvno = try BuiltExecutable.system("kvno", package: "krb5-user")
        let ticket = try await Child.run(
            kvno, ["-k", keytab, "svc/localhost"], environment: realm.environment(cache: cache))
        #expect(ticket.status == 0 && ticket.stdout.contains("keytab entry valid"), "\(ticket)")
        #expect(try await containers(of: realm.folder).count == 1)

        try await realm.pause()
        await #expect(throws: TestSupportError.self) {
            try await Child.run(
                BuiltExecutable.system("kinit", package: "krb5-user"), ["ann"], environment: realm.environment(),
                standardInput: "secret\n", timeout: .milliseconds(500))
        }
        try await realm.resume()
        _ = try await realm.makeCache("ann", password: "secret")

        try await realm.stopKDC()
        #expect(try await containers(of: realm.folder) == [])
        let unreachable = await #expect(throws: KerberosTestKitError.self) {
            try await realm.makeCache("ann", password: "secret")
        }
        #expect(unreachable?.standardError.contains("Cannot contact any KDC") == true)
        let paused = await #expect(throws: KerberosTestKitError.self) { try await realm.pause() }
        #expect(paused?.code == .kdcFailed)
        // The database can be changed meanwhile.
        try await realm.addPrincipal("bob", password: "secret")
        try await realm.restartKDC()
        _ = try await realm.makeCache("bob", password: "secret")

        await realm.stop()
        #expect(try await containers(of: realm.folder) == [])
        #expect(!FileManager.default.fileExists(atPath: realm.folder))
    }

    @Test("A killed owner leaves neither container nor folder")
    func killedOwner() async throws {
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let realm = try await KerberosRealm.start(KerberosRealm.Configuration(backend: .chosen))
            try await realm.addPrincipal("ann", password: "secret")
            _ = try await realm.makeCache("ann", password: "secret")
            print("owner \(realm.folder)")
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let folder = try #require(output.split(separator: "\n").first { $0.hasPrefix("owner ") }).dropFirst(6)
        #expect(await becomesTrue { !FileManager.default.fileExists(atPath: String(folder)) })
        // The folder goes last.
        #expect(try await containers(of: String(folder)) == [])
    }

    @Test("An image that is not there is an error with the engine's words")
    func missingImage() async throws {
        let configuration = KerberosRealm.Configuration(backend: .container(image: "localhost:9/no-such-image"))
        let error = await #expect(throws: KerberosTestKitError.self) { try await KerberosRealm.start(configuration) }
        #expect(error?.code == .toolFailed && error?.standardError.contains("no-such-image") == true)
    }
}

import Foundation
import Glibc
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

@Suite struct OwnerDeathTests {
    @Test("KDC and folder vanish when the owner is killed, although its other children live on")
    func killedOwner() async throws {
        let result = try await #require(
            processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
        ) {
            // What the test library opened is not the subject, and it waits for the end of its own pipes.
            for descriptor: Int32 in 3..<256 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            let realm = try await KerberosRealm.start()
            try await realm.addPrincipal("ann", password: "secret")
            _ = try await realm.makeCache("ann", password: "secret")
            let kdc = try #require(await realm.processIdentifier)
            // Spawned without closing what it inherits: only the close-on-exec flag keeps the guard's socket from it.
            let sleeper = try OwnerDeathTests.spawnSleeper()
            print("owner \(getpid()) \(kdc) \(sleeper) \(realm.folder)")
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("owner ") })
        let words = line.split(separator: " ", maxSplits: 4).map(String.init)
        try #require(words.count == 5)
        let kdc = try #require(Int32(words[2]))
        let sleeper = try #require(Int32(words[3]))
        defer { kill(sleeper, SIGKILL) }
        #expect(await becomesTrue { !isRunning(kdc) && !FileManager.default.fileExists(atPath: words[4]) })
        #expect(isRunning(sleeper))
    }

    /// A child with nothing but `/dev/null` for input and output, and whatever else it inherits.
    private static func spawnSleeper() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var process: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { arguments.forEach { free($0) } }
        let status = posix_spawn(&process, "/bin/sleep", &actions, nil, arguments, environ)
        try #require(status == 0)
        return process
    }
}

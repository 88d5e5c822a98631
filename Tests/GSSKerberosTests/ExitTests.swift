import Dispatch
import Foundation
import GSSKerberos
import Glibc
import ModuleTestSupport
import Synchronization
import TestSupport
import Testing

/// The end of a process whose threads use Kerberos.
@Suite(.timeLimit(.minutes(5))) struct ExitTests {
    /// A thread that works until it is told to end, as an event loop's does.
    private final class Loop: Sendable {
        static let shared = Loop()
        private let mustEnd = Atomic<Bool>(false)
        private let turns = Atomic<Int>(0)
        private let hasEnded = DispatchSemaphore(value: 0)

        var hasBegun: Bool { turns.load(ordering: .relaxed) > 1 }

        func start(_ body: @escaping @Sendable () -> Void) {
            Thread.detachNewThread { [self] in
                while !mustEnd.load(ordering: .sequentiallyConsistent) {
                    body()
                    turns.add(1, ordering: .relaxed)
                }
                hasEnded.signal()
            }
        }

        func end() {
            mustEnd.store(true, ordering: .sequentiallyConsistent)
            hasEnded.wait()
        }
    }

    /// An application that waits for its threads when it exits: they end, with errors from Kerberos.
    @Test func anExitThatWaitsForThreadsEnds() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .exitCode(7)) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            // Older than the library's own, so that it runs after that.
            atexit { Loop.shared.end() }
            Loop.shared.start { _ = try? fixture.pair() }
            #expect(await becomesTrue { Loop.shared.hasBegun })
            exit(7)
        }
    }

    /// An observer of a request may end the process, while the library runs.
    @Test func anObserverMayExit() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .exitCode(7)) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            _ = try KerberosCredentialCache.request(
                user: fixture.ann, keytab: "FILE:\(fixture.annKeytab)", observe: { _ in exit(7) })
        }
    }
}

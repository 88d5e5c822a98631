import BlockingWork
import Dispatch
import Foundation
import ModuleTestSupport
import NIOConcurrencyHelpers
import SecretMemory
import TestSupport
import Testing

@testable import MongoTransport

/// The files of TLS are read once for all connections, where reading may block.
@Suite struct TLSContextCacheTests {
    private struct Refusal: Error {}

    /// Stands for the files: counts how often they are read, and holds that up as long as it is closed.
    private final class Files: Sendable {
        let reads = NIOLockedValueBox(0)
        private let gate = DispatchSemaphore(value: 0)
        private let isOpen: Bool

        init(isOpen: Bool = true) {
            self.isOpen = isOpen
        }

        func open() { gate.signal() }

        func read(_ options: TLSOptions, failing isFailure: Bool = false) throws -> TLSContext {
            reads.withLockedValue { $0 += 1 }
            if !isOpen { gate.wait() }
            guard !isFailure else { throw Refusal() }
            return try TLSContext(options)
        }
    }

    private static func options(_ number: Int = 0) -> TLSOptions {
        var options = TLSOptions()
        options.verifiesCertificate = false
        options.certificateKeyPassword = Secret("\(number)")
        return options
    }

    private static func contexts(
        workers: BlockingWorkers = BlockingWorkers(), _ load: @escaping TLSContextCache.Load
    ) -> TLSContextCache {
        TLSContextCache(workers: workers, load: load)
    }

    /// Two authorities of one name: which of them counts depends on the time, and a long-lived process notices.
    @Test func aChoiceThatDependsOnTheTimeIsMadeAnew() async throws {
        let authority = try await TestAuthority.shared
        try await withFolder { folder in
            let file = folder.appending(path: "two.crt")
            try Data(authority.contents("ca.crt") + authority.contents("namesake-ca.crt")).write(to: file)
            var options = TLSOptions()
            options.authoritiesFile = file.path
            let start = Int64(Date().timeIntervalSince1970)
            let trust = try TLSContext(options, at: start).trust
            let change = try #require(trust.changesAt)
            #expect(change == trust.known.map(\.notAfter).min().map { $0 + 1 })

            let now = NIOLockedValueBox(start)
            let files = Files()
            let contexts = TLSContextCache(workers: BlockingWorkers(), clock: { now.withLockedValue { $0 } }) {
                try files.read($0)
            }
            for (time, reads) in [(start, 1), (change - 1, 1), (change, 2)] {
                now.withLockedValue { $0 = time }
                _ = try await contexts.context(for: options, by: farAway)
                #expect(files.reads.withLockedValue { $0 } == reads)
            }
            options.authoritiesFile = authority.path("ca.crt")
            #expect(try TLSContext(options).trust.changesAt == nil)
        }
    }

    @Test func manyConnectionsReadTheFilesOnce() async throws {
        let files = Files(isOpen: false)
        let contexts = Self.contexts { try files.read($0) }
        let found = try await withThrowingTaskGroup(of: TLSContext.self) { group in
            for _ in 0..<100 {
                group.addTask { try await contexts.context(for: Self.options(), by: farAway) }
            }
            files.open()
            return try await group.reduce(into: [ObjectIdentifier: TLSContext]()) { $0[ObjectIdentifier($1)] = $1 }
        }
        #expect(found.count == 1)
        let later = try await contexts.context(for: Self.options(), by: farAway)
        #expect(found[ObjectIdentifier(later)] === later)
        #expect(files.reads.withLockedValue { $0 } == 1)
    }

    @Test func everySetOfOptionsHasAContextOfItsOwn() async throws {
        let files = Files()
        let contexts = Self.contexts { try files.read($0) }
        let one = try await contexts.context(for: Self.options(1), by: farAway)
        let other = try await contexts.context(for: Self.options(2), by: farAway)
        #expect(one !== other)
        #expect(one.options == Self.options(1))
        #expect(other.options == Self.options(2))

        // Not more than are remembered: the first is forgotten for the last.
        for number in 3...TLSContextCache.maximumEntries + 1 {
            _ = try await contexts.context(for: Self.options(number), by: farAway)
        }
        #expect(try await contexts.context(for: Self.options(2), by: farAway) === other)
        #expect(try await contexts.context(for: Self.options(1), by: farAway) !== one)
        #expect(files.reads.withLockedValue { $0 } == TLSContextCache.maximumEntries + 2)
    }

    @Test func aFailureIsNotRemembered() async throws {
        let files = Files()
        let contexts = Self.contexts { options in
            try files.read(options, failing: files.reads.withLockedValue { $0 } == 0)
        }
        await #expect(throws: Refusal.self) { try await contexts.context(for: Self.options(), by: farAway) }
        let context = try await contexts.context(for: Self.options(), by: farAway)
        #expect(try await contexts.context(for: Self.options(), by: farAway) === context)
        #expect(files.reads.withLockedValue { $0 } == 2)
    }

    /// What was being read when a reload came may be from before it.
    @Test func whatWasBeingReadAtAReloadIsNotKept() async throws {
        let files = Files(isOpen: false)
        let contexts = Self.contexts { try files.read($0) }
        let early = Task { try await contexts.context(for: Self.options(), by: farAway) }
        try await eventually("it is being read") { files.reads.withLockedValue { $0 } == 1 }
        contexts.reload()
        for _ in 0..<2 { files.open() }
        let context = try await contexts.context(for: Self.options(), by: farAway)
        #expect(try await early.value !== context)
        #expect(try await contexts.context(for: Self.options(), by: farAway) === context)
        #expect(files.reads.withLockedValue { $0 } == 2)
    }

    @Test func whatIsForgottenIsReadAgain() async throws {
        let contexts = Self.contexts { try TLSContext($0) }
        let context = try await contexts.context(for: Self.options(), by: farAway)
        contexts.reload()
        #expect(try await contexts.context(for: Self.options(), by: farAway) !== context)
    }

    /// While one thread hangs in the file system, all other deadlines apply.
    @Test func filesThatHangHoldOneThreadAndNobodyElse() async throws {
        let files = Files(isOpen: false)
        let workers = BlockingWorkers()
        let contexts = Self.contexts(workers: workers) { try files.read($0) }
        // The first one is cancelled, without any effect on others.
        let first = Task { try await contexts.context(for: Self.options(), by: farAway) }
        let patient = Task { try await contexts.context(for: Self.options(), by: farAway) }
        for _ in 0..<20 {
            let error = await #expect(throws: TransportError.self) {
                try await contexts.context(for: Self.options(), by: .now + .milliseconds(10))
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.phase == .tls)
        }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(workers.statistics.active + workers.statistics.waiting == 1)
        #expect(workers.statistics.abandoned == 0)

        files.open()
        let context = try await patient.value
        #expect(try await contexts.context(for: Self.options(), by: farAway) === context)
        #expect(files.reads.withLockedValue { $0 } == 1)
    }
}

import BlockingWork
import ModuleTestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Something whose end is noted: a credential or a password that a closure holds.
private final class Tracer: Sendable {
    private let ends: Notes<Void>

    init(_ ends: Notes<Void>) {
        self.ends = ends
    }

    deinit {
        ends.add(())
    }

    func touch() {}
}

@Suite(.timeLimit(.minutes(5))) struct ReleaseTests {
    /// An idle thread keeps nothing of its finished work.
    @Test(arguments: [0, 4])
    func whatTheWorkHoldsGoesWithIt(idleThreads: Int) async throws {
        let workers = BlockingWorkers(limits: .init(maximumIdleThreads: idleThreads))
        let ends = Notes<Void>()
        for number in 1...3 {
            try await run(on: workers, Tracer(ends))
            // Before the result is delivered: its receiver may end the process.
            #expect(ends.all.count == number)
        }
    }

    private func run(on workers: BlockingWorkers, _ tracer: Tracer) async throws {
        try await workers.run(by: .never, waitingFor: "a test") { tracer.touch() }
    }

    #if os(Linux)
    @Test func allThreadsEndWithTheLastReference() async throws {
        let names = Notes<String>()
        do {
            let workers = BlockingWorkers(limits: .init(maximumThreads: 8, maximumIdleThreads: 8))
            let gate = Gate()
            let tasks = (0..<8).map { _ in
                Task {
                    try await workers.run(by: .never, waitingFor: "a test") {
                        names.add(threadName())
                        gate.pass()
                    }
                }
            }
            #expect(await becomesTrue { names.all.count == 8 })
            gate.open()
            for task in tasks { try await task.value }
            #expect(await becomesTrue { workers.statistics.idle == 8 })
            #expect(Set(names.all).count == 8)
            #expect(names.all.allSatisfy(exists))
        }
        #expect(await becomesTrue { !names.all.contains(where: exists) })
    }

    /// The calling thread's folder in the process file system: it is there as long as the thread.
    private func threadName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = readlink("/proc/thread-self", &buffer, buffer.count)
        guard length > 0 else { return "" }
        return "/proc/" + String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func exists(_ name: String) -> Bool {
        !name.isEmpty && access(name, F_OK) == 0
    }
    #endif
}

// How long a realm takes to issue its first ticket, and to stop. The budget is a second on an idle machine.
//
//     swift run -c release --package-path Benchmarks/RealmStart --scratch-path .build/benchmarks RealmStart [COUNT]

import KerberosTestKit

/// The duration of `body` in milliseconds.
func milliseconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start) / .milliseconds(1)
}

func report(_ what: String, _ times: [Double]) {
    let sorted = times.sorted()
    let figures = [sorted[0], sorted[sorted.count / 2], sorted[sorted.count - 1]].map { "\(Int($0.rounded()))" }
    print("\(what): minimum \(figures[0]) ms, median \(figures[1]) ms, maximum \(figures[2]) ms")
}

let count = max(1, CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 20)
var starts: [Double] = []
var firstTickets: [Double] = []
var stops: [Double] = []
for _ in 0..<count {
    var realm: KerberosRealm?
    starts.append(try await milliseconds { realm = try await KerberosRealm.start() })
    guard let realm else { continue }
    firstTickets.append(
        try await milliseconds {
            try await realm.addPrincipal("ann", password: "secret")
            _ = try await realm.makeCache("ann", password: "secret")
        })
    stops.append(await milliseconds { await realm.stop() })
}
print("\(count) realms, one after another")
report("start", starts)
report("a user and a ticket", firstTickets)
report("stop", stops)

let together = try await milliseconds {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 { group.addTask { try await KerberosRealm.withRealm { _ in } } }
        try await group.waitForAll()
    }
}
print("20 realms at once, started and stopped: \(Int(together.rounded())) ms")

// Our client for the benchmark; `../../run` starts it. It measures itself and prints one line of JSON.
//
//     AuthenticationBenchmark sequential URI COUNT [pipelined] [noping]
//     AuthenticationBenchmark concurrent URI COUNT [pipelined] [noping]
//     AuthenticationBenchmark stalled URI COUNT OTHER-URI KDC-PROCESS
//     AuthenticationBenchmark memory COUNT HOST REALM USER KEYTAB

import CGSSAcceptor
import Glibc
import MongoConnect
import NIOPosix
import SASL
import SaslConnectionString

let warmUp = 20

func authenticate(
    _ connector: MongoConnector, _ string: MongoConnectionString, within timeout: Duration = .seconds(60), ping: Bool
) async throws -> MongoSession {
    let deadline = ContinuousClock.now + timeout
    let session = try await connector.connect(to: string, by: deadline)
    if ping { _ = try await session.connection.run(["ping": 1, "$db": "admin"], by: deadline) }
    return session
}

func sequential(_ string: MongoConnectionString, _ count: Int, pipelined: Bool, ping: Bool) async throws {
    let connector = try makeConnector(pipelined: pipelined)
    for _ in 0..<warmUp { await (try authenticate(connector, string, ping: ping)).connection.close() }
    var measurement = Measurement()
    for _ in 0..<count {
        let start = ContinuousClock.now
        await (try authenticate(connector, string, ping: ping)).connection.close()
        measurement.latencies.append(ContinuousClock.now - start)
    }
    measurement.end()
}

/// All at once, from a cold start; every connection stays open until all are established.
func concurrent(_ string: MongoConnectionString, _ count: Int, pipelined: Bool, ping: Bool) async throws {
    let connector = try makeConnector(pipelined: pipelined)
    var measurement = Measurement()
    let sessions = await withTaskGroup(of: (Duration, MongoSession?).self) { group in
        for _ in 0..<count {
            group.addTask {
                let start = ContinuousClock.now
                let session = try? await authenticate(connector, string, ping: ping)
                return (ContinuousClock.now - start, session)
            }
        }
        var sessions: [MongoSession] = []
        for await (duration, session) in group {
            measurement.latencies.append(duration)
            guard let session else {
                measurement.failed += 1
                continue
            }
            sessions.append(session)
        }
        return sessions
    }
    measurement.end()
    for session in sessions { await session.connection.close() }
}

/// Authentications to one host, before and while others wait for a stopped KDC.
func stalled(_ string: MongoConnectionString, _ count: Int, _ other: MongoConnectionString, _ kdc: pid_t) async throws {
    let connector = try makeConnector(pipelined: false)
    for _ in 0..<warmUp { await (try authenticate(connector, string, ping: true)).connection.close() }
    func measure() async throws {
        var measurement = Measurement()
        for _ in 0..<count {
            let start = ContinuousClock.now
            await (try authenticate(connector, string, ping: true)).connection.close()
            measurement.latencies.append(ContinuousClock.now - start)
        }
        measurement.end()
    }
    try await measure()
    kill(kdc, SIGSTOP)
    defer { kill(kdc, SIGCONT) }
    let timeout = Duration.seconds(3)
    let waiting = Task {
        await withTaskGroup(of: (Duration, Bool).self) { group in
            for _ in 0..<20 {
                group.addTask {
                    let start = ContinuousClock.now
                    let session = try? await authenticate(connector, other, within: timeout, ping: false)
                    return (ContinuousClock.now - start - timeout, session != nil)
                }
            }
            var measurement = Measurement()
            for await (late, succeeded) in group {
                measurement.latencies.append(late)
                if !succeeded { measurement.failed += 1 }
            }
            return measurement
        }
    }
    try await Task.sleep(for: .milliseconds(200))
    try await measure()
    // For each authentication that waited for the KDC: how long after its deadline it ended.
    var measurement = await waiting.value
    measurement.end()
}

func memory(_ count: Int, host: String, realm: String, user: String, keytab: String) async throws {
    guard let keys = acceptor_keys_load(keytab) else { exit(1) }
    let mechanism = try await makeMechanism(host: host, realm: realm, user: user)
    var state = acceptor()
    var measurement = Measurement()
    for round in 0..<count + warmUp {
        if round == warmUp { measurement = Measurement() }
        var spent = Duration.zero
        try authenticate(with: mechanism, spent: &spent) { response in
            var output: UnsafeMutablePointer<UInt8>?
            var length = 0
            let status = acceptor_step(keys, &state, response, response.count, &output, &length)
            defer { acceptor_free(output) }
            guard status == Int32(ACCEPTOR_MORE) else {
                if status != Int32(ACCEPTOR_DONE) { measurement.failed += 1 }
                return nil
            }
            return Array(UnsafeBufferPointer(start: output, count: length))
        }
        acceptor_reset(&state)
        measurement.latencies.append(spent)
    }
    measurement.end()
}

func complain(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = write(2, line, line.count)
}

func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

raiseDescriptorLimit()
var words = Array(CommandLine.arguments.dropFirst())
let pipelined = words.contains("pipelined")
let ping = !words.contains("noping")
words.removeAll { $0 == "pipelined" || $0 == "noping" }
do {
    switch (words.first, words.count) {
    case ("sequential", 3):
        try await sequential(
            try MongoConnectionString(parsing: words[1]), Int(words[2]) ?? 1, pipelined: pipelined, ping: ping)
    case ("concurrent", 3):
        try await concurrent(
            try MongoConnectionString(parsing: words[1]), Int(words[2]) ?? 1, pipelined: pipelined, ping: ping)
    case ("stalled", 5):
        try await stalled(
            try MongoConnectionString(parsing: words[1]), Int(words[2]) ?? 1,
            try MongoConnectionString(parsing: words[3]), pid_t(words[4]) ?? 0)
    case ("memory", 6):
        try await memory(Int(words[1]) ?? 1, host: words[2], realm: words[3], user: words[4], keytab: words[5])
    default:
        complain("usage: see the first lines of main.swift")
        exit(64)
    }
} catch is NotSupported {
    print(#"{"unsupported": true}"#)
} catch {
    complain("\(error)")
    exit(1)
}

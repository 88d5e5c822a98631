import Foundation
import Glibc
import MongoConnect
import MongoTransport
import NIOPosix
import SaslConnectionString

// Authenticates many times in one process, and prints as JSON what the process held before and after.
//
//     soak URI WARMUP COUNT
//
// A program of its own and no test: Swift Testing keeps a record of every error that is thrown in a test's process,
// which looks like a leak of a few hundred bytes for each authentication.

/// What a process holds, as the kernel counts it.
struct Footprint: Encodable {
    var residentBytes: Int
    var threads: Int
    var descriptors: Int

    static func now() throws -> Footprint {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
        func number(_ key: String) -> Int {
            let line = status.first { $0.hasPrefix("\(key):") }
            return line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
        }
        return Footprint(
            residentBytes: number("VmRSS") * 1024, threads: number("Threads"),
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count)
    }
}

/// What is printed.
struct Outcome: Encodable {
    var before: Footprint
    var after: Footprint
    /// Whether a sanitizer's runtime is in this process: it keeps what was freed, and records of its own about it.
    var isSanitized: Bool
}

/// Authenticates over and over, a few connections at a time.
func authenticate(_ count: Int, with connector: MongoConnector, to string: MongoConnectionString) async throws {
    let lanes = 4
    try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<lanes {
            group.addTask {
                for _ in stride(from: lane, to: count, by: lanes) {
                    // Far away: what waits for a deadline must be gone with its authentication, not with its time.
                    let session = try await connector.connect(to: string, by: .now + .seconds(3600))
                    await session.connection.close()
                }
            }
        }
        try await group.waitForAll()
    }
}

let words = CommandLine.arguments
guard words.count == 4, let warmUp = Int(words[2]), let count = Int(words[3]) else {
    FileHandle.standardError.write(Data("usage: soak URI WARMUP COUNT\n".utf8))
    exit(64)
}
let string = try MongoConnectionString(parsing: words[1])
let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
try await authenticate(warmUp, with: connector, to: string)
let before = try Footprint.now()
try await authenticate(count, with: connector, to: string)
let after = try Footprint.now()
let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
let outcome = Outcome(before: before, after: after, isSanitized: isSanitized)
print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))

import Foundation
import GSSKerberos
import Glibc
import MongoAuth
import MongoConnect
import MongoTransport
import NIOPosix
import SASL
import SaslConnectionString

// Authenticates many times in one process, and prints as JSON what the process held before and after.
//
//     soak URI WARMUP COUNT [cache|keytab|password|existing VALUE]
//
// Without the last two the tickets are those of the default cache.
//
// A separate program and not a test: Swift Testing keeps a record of every error that is thrown in a test's process,
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

/// The string's user, with tickets from elsewhere; `nil` for a source that there is not.
func credential(_ string: MongoConnectionString, _ source: String, _ value: String) throws -> MongoCredential? {
    guard var credential = try string.credential.map(MongoCredential.init),
        case .gssapi(var options) = credential.method
    else { return nil }
    switch source {
    case "cache": options.identity = .cache(value)
    case "keytab": options.identity = .keytab(value)
    case "existing":
        options.identity = .existing(try KerberosCredential(store: .init(cache: value)), user: credential.username)
    case "password": options.identity = .password(Secret(value), user: credential.username)
    default: return nil
    }
    credential.method = .gssapi(options)
    return credential
}

/// Authenticates over and over, a few connections at a time.
func authenticate(
    _ count: Int, with connector: MongoConnector, to string: MongoConnectionString, as credential: MongoCredential?
) async throws {
    let lanes = 4
    try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<lanes {
            group.addTask {
                for _ in stride(from: lane, to: count, by: lanes) {
                    // Far away: resources of a deadline must be released with the authentication, not at the deadline.
                    let session = try await connector.connect(
                        to: string, as: credential, by: .now + .seconds(3600))
                    await session.connection.close()
                }
            }
        }
        try await group.waitForAll()
    }
}

func endWithUsage() -> Never {
    FileHandle.standardError.write(Data("usage: soak URI WARMUP COUNT [cache|keytab|password|existing VALUE]\n".utf8))
    exit(64)
}

let words = CommandLine.arguments
guard [4, 6].contains(words.count), let warmUp = Int(words[2]), let count = Int(words[3]) else { endWithUsage() }
let string = try MongoConnectionString(parsing: words[1])
let given = words.count == 6 ? try credential(string, words[4], words[5]) : nil
if words.count == 6, given == nil { endWithUsage() }
let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
try await authenticate(warmUp, with: connector, to: string, as: given)
let before = try Footprint.now()
try await authenticate(count, with: connector, to: string, as: given)
let after = try Footprint.now()
let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
let outcome = Outcome(before: before, after: after, isSanitized: isSanitized)
print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))

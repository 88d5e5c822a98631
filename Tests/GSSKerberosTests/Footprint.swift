import Foundation
import Glibc
import Testing

/// What this process has in memory.
func residentBytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(line.split { !$0.isNumber }.first.flatMap { Int($0) }) * 1024
}

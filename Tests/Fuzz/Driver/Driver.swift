import Foundation
import FuzzTargets

// libFuzzer has `main`, and calls these two. FUZZ_TARGET names the target, FUZZ_SEEDS the folder to put its seeds into:
// libFuzzer wants no arguments but its own.

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        fatalError("FUZZ_TARGET must be one of \(names)")
    }
    return target
}()

/// Called once, before libFuzzer reads its folders.
@c(LLVMFuzzerInitialize)
public func initialize(
    _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
    guard let folder = ProcessInfo.processInfo.environment["FUZZ_SEEDS"] else { return 0 }
    do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (index, seed) in try target.seeds().enumerated() {
            try Data(seed).write(to: URL(filePath: folder).appending(path: "\(index)"))
        }
    } catch {
        fatalError("cannot write the seeds: \(error)")
    }
    return 0
}

/// Called for each input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.check(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        // A crash is how libFuzzer learns of it.
        fatalError("\(target.rawValue): \(error)")
    }
    return 0
}

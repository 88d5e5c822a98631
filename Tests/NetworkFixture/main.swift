import Foundation
import TestSupport

// What a `NetworkWorld` has running inside: name servers, dead ends, look-ups.
//
//     network-fixture serve PARTS       serves until its input ends; PARTS is what `NetworkWorld` encodes
//     network-fixture look-ups COUNT DOMAIN HANGING
//                                       looks up 0.DOMAIN .. beside a name that hangs, and prints what it measured
//     network-fixture look-up HOST COUNT
//                                       looks up one name, one time after another, and prints what it measured
//
// It is no use outside of such a world.

func run(_ arguments: [String]) async throws {
    switch (arguments.first, arguments.count) {
    case ("serve"?, 2):
        try await serve(JSONDecoder().decode(NetworkFixtureParts.self, from: Data(arguments[1].utf8)))
    case ("look-ups"?, 4):
        guard let count = Int(arguments[1]) else { throw TestSupportError("COUNT is a number") }
        let measured = try await LookUps(count: count, domain: arguments[2], hanging: arguments[3]).measure()
        print(String(decoding: try JSONEncoder().encode(measured), as: UTF8.self))
    case ("look-up"?, 3):
        guard let count = Int(arguments[2]) else { throw TestSupportError("COUNT is a number") }
        let measured = try await RepeatedLookUp.measure(arguments[1], count: count)
        print(String(decoding: try JSONEncoder().encode(measured), as: UTF8.self))
    default:
        throw TestSupportError(
            "usage: network-fixture serve PARTS | look-ups COUNT DOMAIN HANGING | look-up HOST COUNT")
    }
}

func serve(_ parts: NetworkFixtureParts) async throws {
    let zone = parts.zone
    let server = try ServiceDNSServer("127.0.0.1", port: 53) { zone.reaction(to: $0, $1) }
    let deadEnds = try parts.deadEnds.map { try DeadEnd($0) }
    FileHandle.standardOutput.write(Data("{\"listening\": []}\n".utf8))
    while readLine() != nil {}
    withExtendedLifetime((server, deadEnds)) {}
}

do {
    try await run(Array(CommandLine.arguments.dropFirst()))
} catch {
    FileHandle.standardError.write(Data("network-fixture: \(error)\n".utf8))
    exit(64)
}

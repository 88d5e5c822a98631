import Foundation

/// The files of `Fixtures`, as seeds.
enum Fixtures {
    /// The hexadecimal last field of each line that is no comment.
    static func bytes(_ path: String) throws -> [[UInt8]] {
        let text = try String(contentsOf: file(path), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            let digits = (line.split(separator: "|").last ?? "").compactMap(\.hexDigitValue)
            guard digits.count.isMultiple(of: 2) else { return nil }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }

    static func json<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: file(path)))
    }

    private static func file(_ path: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Fixtures/\(path)")
    }
}

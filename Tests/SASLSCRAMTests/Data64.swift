import Foundation

/// Foundation's Base64, so that the tests do not rest on the module's own.
enum Data64 {
    static func encode(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// Empty for what is none.
    static func decode(_ text: String) -> [UInt8] { Array(Data(base64Encoded: text) ?? Data()) }
}

/// A file of `Fixtures/SCRAM`.
func fixture<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fixtures/SCRAM").standardizedFileURL
    return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: name)))
}

import Foundation
import SaslConnectionString
import Testing

/// One line of the tables in `Fixtures/ConnectionString`.
struct SpecificationCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Host: Decodable, Sendable, Equatable {
        var type: String
        var host: String
        var port: UInt16?
    }

    struct Auth: Decodable, Sendable {
        var username: String?
        var password: String?
        var db: String?
    }

    struct Credential: Decodable, Sendable {
        var username: String?
        var password: String?
        var source: String
        var mechanism: String?
        var properties: [String: String]
    }

    var name: String
    var uri: String
    var valid: Bool
    var warning: Bool?
    var hosts: [Host]?
    var auth: Auth?
    var options: [String: JSONValue]?
    var credential: Credential?

    var testDescription: String { "\(name): \(uri)" }

    static func load(_ file: String) throws -> [SpecificationCase] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/ConnectionString").standardizedFileURL
        return try JSONDecoder().decode([SpecificationCase].self, from: Data(contentsOf: folder.appending(path: file)))
    }
}

/// The few JSON forms that option values have.
enum JSONValue: Decodable, Sendable, Equatable {
    case boolean(Bool)
    case integer(Int)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// What the tables would say for an option's value; `nil` for a secret.
    init?(_ value: MongoConnectionString.Options.PrintableValue) {
        switch value {
        case .boolean(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .text(let text): self = .text(text)
        case .list(let texts): self = .list(texts.map(JSONValue.text))
        case .tagSets(let sets): self = .list(sets.map { .object($0.mapValues(JSONValue.text)) })
        case .properties(let properties):
            let pairs = properties.properties.map { ($0.name, JSONValue.text($0.value)) }
            self = .object(Dictionary(pairs) { first, _ in first })
        case .redacted: return nil
        }
    }
}

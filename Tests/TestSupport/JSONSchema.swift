import Foundation

/// As much of JSON Schema (draft 2020-12) as ours is written in. What it does not know is an error.
package struct JSONSchema {
    /// What does not match, and where.
    package struct Mismatch: Error {
        var text: String
    }

    private let root: [String: Any]

    /// Reads one of the project's schemas.
    package init(_ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/schemas/\(name).schema.json")
        guard let root = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
            throw Mismatch(text: "\(file.path) is no schema")
        }
        self.root = root
    }

    /// The words that a property of a definition can have.
    package func names(of property: String, in definition: String) -> [String] {
        let found = (root["$defs"] as? [String: Any])?[definition] as? [String: Any]
        let words = (found?["properties"] as? [String: Any])?[property] as? [String: Any]
        return words?["enum"] as? [String] ?? []
    }

    /// Throws unless a document is as the schema has it: every key that is required, and no other than those described.
    package func check(_ json: String) throws {
        try check(try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8)), root, "$")
    }

    private func check(_ value: JSONValue, _ schema: [String: Any], _ place: String) throws {
        for (keyword, rule) in schema {
            switch keyword {
            case "$schema", "$id", "$defs", "title", "description", "format": break
            case "minimum", "maximum":
                guard case .number(let number) = value, let limit = rule as? Double else { continue }
                guard keyword == "minimum" ? number >= limit : number <= limit else {
                    throw Mismatch(text: "\(place): \(number) is beyond the \(keyword) \(limit)")
                }
            case "$ref":
                let name = (rule as? String)?.split(separator: "/").last.map(String.init) ?? ""
                guard let definition = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else {
                    throw Mismatch(text: "\(place): no definition of \(name)")
                }
                try check(value, definition, place)
            case "anyOf":
                var reasons: [String] = []
                for schema in rule as? [[String: Any]] ?? [] {
                    do { try check(value, schema, place) } catch let mismatch as Mismatch {
                        reasons.append(mismatch.text)
                        continue
                    }
                    reasons = []
                    break
                }
                guard reasons.isEmpty else { throw Mismatch(text: reasons.joined(separator: "; or ")) }
            case "type":
                let types = rule as? [String] ?? [rule as? String ?? ""]
                guard types.contains(where: value.isKind) else {
                    throw Mismatch(text: "\(place): \(value) is no \(types)")
                }
            case "const", "enum":
                let allowed = rule as? [Any] ?? [rule]
                if case .null = value, allowed.contains(where: { $0 is NSNull }) { continue }
                let words = allowed.compactMap { $0 as? String }
                guard case .text(let word) = value, words.contains(word) else {
                    throw Mismatch(text: "\(place): \(value) is none of \(words)")
                }
            case "required":
                guard case .object(let members) = value else { continue }
                for key in rule as? [String] ?? [] where members[key] == nil {
                    throw Mismatch(text: "\(place): \(key) is missing")
                }
            case "properties":
                guard case .object(let members) = value else { continue }
                let properties = rule as? [String: [String: Any]] ?? [:]
                for (key, member) in members {
                    guard let property = properties[key] else {
                        throw Mismatch(text: "\(place): \(key) is not described")
                    }
                    try check(member, property, "\(place).\(key)")
                }
            case "items", "maxItems":
                guard case .list(let items) = value else { continue }
                guard items.count <= rule as? Int ?? .max else { throw Mismatch(text: "\(place): too many") }
                for (index, item) in items.enumerated() {
                    try check(item, rule as? [String: Any] ?? [:], "\(place)[\(index)]")
                }
            default: throw Mismatch(text: "\(place): the checker does not know \(keyword)")
            }
        }
    }
}

/// JSON as it is written: `JSONSerialization` takes true for a number, too.
private indirect enum JSONValue: Decodable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self =
            if container.decodeNil() {
                .null
            } else if let value = try? container.decode(Bool.self) {
                .boolean(value)
            } else if let value = try? container.decode(Double.self) {
                .number(value)
            } else if let value = try? container.decode(String.self) {
                .text(value)
            } else if let value = try? container.decode([JSONValue].self) {
                .list(value)
            } else {
                .object(try container.decode([String: JSONValue].self))
            }
    }

    func isKind(_ type: String) -> Bool {
        switch (self, type) {
        case (.null, "null"), (.boolean, "boolean"), (.number, "number"), (.text, "string"), (.list, "array"),
            (.object, "object"):
            true
        case (.number(let value), "integer"): value == value.rounded()
        default: false
        }
    }
}

import Foundation
import TestSupport

/// What a run of `authcheck environment` came to, with its JSON written down anew from the contract.
struct EnvironmentOutcome: CustomStringConvertible {
    struct Step: Decodable {
        var text: String
        var command: String?
    }

    struct Diagnosis: Decodable {
        var cause: String
        var culprit: String
        var steps: [Step]
    }

    struct Finding: Decodable {
        var severity: String
        var `class`: String?
        var diagnosis: Diagnosis
    }

    struct File: Decodable {
        var path: String
        var state: String
        var line: Int?
        var includedBy: String?
    }

    struct Setting: Decodable {
        var name: String
        var value: String?
        var file: String?
        var line: Int?
    }

    struct Configuration: Decodable {
        var files: [File]
        var settings: [Setting]
        var permittedEncryptionTypes: [String]
    }

    struct Path: Decodable {
        var path: String
        var state: String
    }

    struct Variable: Decodable {
        var name: String
        var paths: [Path]
    }

    struct Attempt: Decodable {
        var outcome: String
        var answer: String?
    }

    struct KDCAddress: Decodable {
        var address: String
        var udp: Attempt?
        var tcp: Attempt?
    }

    struct KDC: Decodable {
        var port: UInt16
        var source: String
        var isUsed: Bool
        var addresses: [KDCAddress]
        var clockOffsetSeconds: Double?
    }

    struct KDCs: Decodable {
        var realm: String
        var principal: String
        var isAboutUser: Bool
        var list: [KDC]
    }

    struct Cache: Decodable {
        var name: String
        var isDefault: Bool
        var principal: String?
        var tickets: [CheckJSON.Ticket]
        var problem: String?
    }

    struct Key: Decodable {
        var principal: String
        var keyVersion: Int
    }

    struct Keytab: Decodable {
        var isReadable: Bool
        var keys: [Key]
    }

    struct HostAddress: Decodable {
        var address: String
        var name: String?
    }

    struct Host: Decodable {
        var host: String
        var addresses: [HostAddress]
        var problem: String?
    }

    struct Clock: Decodable {
        var kdcOffsetSeconds: Double?
    }

    struct JSON: Decodable {
        var schema: String
        var result: String
        var exitStatus: Int32
        var findings: [Finding]
        var configuration: Configuration?
        var variables: [Variable]
        var kdcs: KDCs?
        var caches: [Cache]?
        var clientKeytab: Keytab?
        var hosts: [Host]
        var clock: Clock
    }

    var child: Child.Result
    var report: JSON

    var status: Int32 { child.status }
    var failures: [Finding] { report.findings.filter { $0.severity == "failure" } }
    var description: String { "\(child)" }

    init(_ result: Child.Result) throws {
        child = result
        do {
            report = try JSONDecoder().decode(JSON.self, from: Data(result.stdout.utf8))
        } catch {
            throw TestSupportError("authcheck environment printed no report (\(error)): \(result)")
        }
        guard report.schema == "authcheck.environment/1", report.exitStatus == result.status else {
            throw TestSupportError("another schema or status: \(result)")
        }
    }
}

/// As much of JSON Schema as our schemas use: types, required and known properties, items, enumerations, constants.
struct SchemaCheck {
    var definitions: [String: Any]

    /// What in a value is not as the schema has it.
    func faults(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
        if let reference = schema["$ref"] as? String {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            guard let definition = definitions[name] as? [String: Any] else { return ["\(place): no \(reference)"] }
            return faults(value, definition, place)
        }
        if let choices = schema["anyOf"] as? [[String: Any]] {
            let all = choices.map { faults(value, $0, place) }
            return all.contains(where: \.isEmpty) ? [] : all.last ?? []
        }
        var found: [String] = []
        if let types = schema["type"] as? [String] ?? (schema["type"] as? String).map({ [$0] }),
            !types.contains(where: { isOf($0, value) })
        {
            found.append("\(place): \(value) is none of \(types)")
        }
        if let values = schema["enum"] as? [Any], !values.contains(where: { "\($0)" == "\(value)" }) {
            found.append("\(place): \(value) is none of \(values)")
        }
        if let constant = schema["const"], "\(constant)" != "\(value)" { found.append("\(place): not \(constant)") }
        if let object = value as? [String: Any], let properties = schema["properties"] as? [String: [String: Any]] {
            for name in schema["required"] as? [String] ?? [] where object[name] == nil {
                found.append("\(place).\(name) is missing")
            }
            for (name, entry) in object {
                guard let property = properties[name] else {
                    found.append("\(place).\(name) is unknown")
                    continue
                }
                found += faults(entry, property, "\(place).\(name)")
            }
        }
        if let list = value as? [Any], let items = schema["items"] as? [String: Any] {
            for (index, entry) in list.enumerated() { found += faults(entry, items, "\(place)[\(index)]") }
        }
        return found
    }

    private func isOf(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "null": value is NSNull
        case "string": value is String
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "boolean": value is Bool
        case "integer": value is Int
        case "number": value is Double || value is Int
        default: false
        }
    }
}

import Foundation
import TestSupport

/// The result of a run of `authcheck environment`, with its JSON written independently from the contract.
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

import Foundation
import NameResolution
import SaslConnectionString
import Testing

/// One line of the table in `Fixtures/Seedlist`.
struct SeedlistCase: Decodable, Sendable, CustomTestStringConvertible {
    /// A value of an option.
    enum Value: Decodable, Sendable, Equatable {
        case boolean(Bool)
        case integer(Int)
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .boolean(value)
            } else if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        init?(_ value: MongoConnectionString.Options.PrintableValue) {
            switch value {
            case .boolean(let flag): self = .boolean(flag)
            case .integer(let number): self = .integer(number)
            case .text(let text): self = .text(text)
            default: return nil
            }
        }
    }

    var name: String
    var uri: String
    /// The code of the error; `nil` where there is none.
    var error: String?
    var seeds: [String]?
    var numSeeds: Int?
    var options: [String: Value]?
    var user: String?
    var password: String?
    var database: String?

    var testDescription: String { "\(name): \(uri)" }

    static func load() throws -> [SeedlistCase] { try decode("specification.json") }

    static func decode<Content: Decodable>(_ file: String) throws -> Content {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/Seedlist").standardizedFileURL
        return try JSONDecoder().decode(Content.self, from: Data(contentsOf: folder.appending(path: file)))
    }
}

/// A name server that has the answers by heart. Names are compared as DNS does.
struct ScriptedServices: ServiceResolver {
    enum Answer<Record: Sendable>: Sendable {
        case records([Record])
        case failure(NameResolutionError.Code)
        /// Waits until it is cancelled.
        case silence
    }

    var services: [String: Answer<SRVRecord>] = [:]
    var texts: [String: Answer<TXTRecord>] = [:]
    var domains: [String] = []

    func searchDomains(by deadline: ContinuousClock.Instant) async throws -> [String] { domains }

    func services(of name: String, by deadline: ContinuousClock.Instant) async throws -> [SRVRecord] {
        try await answer(services[name.lowercased()], name)
    }

    func texts(of name: String, by deadline: ContinuousClock.Instant) async throws -> [TXTRecord] {
        try await answer(texts[name.lowercased()], name)
    }

    private func answer<Record>(_ answer: Answer<Record>?, _ name: String) async throws -> [Record] {
        switch answer {
        case .records(let records)?: return records
        case .failure(let code)?: throw NameResolutionError(code, name: name, "scripted")
        case nil: throw NameResolutionError(.noSuchName, name: name, "scripted")
        case .silence?:
            try await Task.sleep(for: .seconds(600))
            return []
        }
    }

    /// The records that the specification's cases need.
    static func specification() throws -> ScriptedServices {
        struct Zone: Decodable {
            struct Service: Decodable {
                var name: String
                var port: UInt16
                var target: String
            }
            struct Text: Decodable {
                var name: String
                var strings: [String]
            }
            var srv: [Service]
            var txt: [Text]
        }
        let zone: Zone = try SeedlistCase.decode("zone.json")
        var scripted = ScriptedServices()
        for (name, records) in Dictionary(grouping: zone.srv, by: \.name) {
            scripted.services[name] = .records(records.map { .to($0.target, $0.port) })
        }
        for (name, records) in Dictionary(grouping: zone.txt, by: \.name) {
            scripted.texts[name] = .records(records.map { .of($0.strings) })
        }
        return scripted
    }
}

extension SRVRecord {
    static func to(_ target: String, _ port: UInt16 = 27017) -> SRVRecord {
        SRVRecord(priority: 0, weight: 5, port: port, target: target, ttl: .seconds(86400))
    }
}

extension TXTRecord {
    static func of(_ strings: [String]) -> TXTRecord {
        TXTRecord(strings: strings.map { Array($0.utf8) }, ttl: .seconds(86400))
    }
}

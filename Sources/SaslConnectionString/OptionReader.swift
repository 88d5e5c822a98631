internal import SecretMemory

/// Where the parts of a connection string begin, so that an error about several of them can name a place.
struct Locations {
    /// The offset of each option's last occurrence, by the name that the specification gives it.
    var options: [String: Int] = [:]
    var userInfo: Int?
    var hosts = 0

    func error(_ code: ConnectionStringError.Code, _ message: String, option: String) -> ConnectionStringError {
        ConnectionStringError(code, message, offset: options[option] ?? hosts, part: "options: \(option)")
    }
}

/// Reads the connection options: splits them, resolves repeated and deprecated ones, and parses the values.
struct OptionReader {
    /// One occurrence of an option.
    struct Occurrence {
        /// The name as the specification spells it, or that of an alias.
        var spelling: String
        var isDeprecated: Bool
        var offset: Int
        var value: Bytes
    }

    /// The label of the part in errors: `options`, or `TXT record`.
    let part: String
    private let findings: Findings
    private(set) var options = Options()
    /// The options that the string gives, also those whose values were ignored.
    private(set) var given: Set<String> = []
    /// The options whose values could not be read; an empty name stands for a piece that is not an option.
    private(set) var unread: Set<String> = []
    var warnings: [MongoConnectionString.Warning] = []
    private(set) var locations = Locations()
    /// How many unknown options there are.
    private(set) var unknownCount = 0

    init(part: String, _ findings: Findings) {
        self.part = part
        self.findings = findings
    }

    mutating func read(_ raw: Bytes) throws(ConnectionStringError) {
        var order: [String] = []
        var occurrences: [String: [Occurrence]] = [:]
        for segment in raw.split(separator: UInt8(ascii: "&")) {
            let cut = try findings.attempt { () throws(ConnectionStringError) in try occurrence(in: segment) }
            guard let known = cut else {
                unread.insert("")
                continue
            }
            guard let (name, occurrence) = known else { continue }
            if occurrences[name] == nil { order.append(name) }
            occurrences[name, default: []].append(occurrence)
            locations.options[name] = occurrence.offset
        }
        given = Set(order)
        for name in order {
            guard let spec = OptionSpec.byName[asciiLowercased(name)], let found = occurrences[name] else { continue }
            let isRead: Void? = try findings.attempt { () throws(ConnectionStringError) in
                let values = try settle(found, of: spec)
                for value in values { try apply(value, to: spec) }
            }
            if isRead == nil { unread.insert(name) }
        }
    }

    mutating func warn(_ option: String, _ message: String) {
        warnings.append(MongoConnectionString.Warning(option: option, message: message))
    }

    // MARK: Cutting

    private mutating func occurrence(in segment: Bytes) throws(ConnectionStringError) -> (String, Occurrence)? {
        guard let equals = segment.firstIndex(of: UInt8(ascii: "=")), equals > segment.startIndex else {
            throw ConnectionStringError(
                .invalidOption, "an option is written name=value, and options are separated by '&'",
                offset: segment.startIndex, part: part)
        }
        let spelling = String(decoding: segment[..<equals], as: UTF8.self)
        let key = asciiLowercased(spelling)
        var occurrence = Occurrence(
            spelling: "", isDeprecated: false, offset: segment.startIndex, value: segment[(equals + 1)...])
        try refuseSemicolons(in: occurrence.value)
        // The text after the semicolon may be tls=true, and a password would be sent in clear text without it.
        if key.utf8.contains(UInt8(ascii: ";")) {
            throw ConnectionStringError(
                .invalidOption,
                key.utf8.starts(with: "amp;".utf8)
                    ? "options are separated by '&'; '&amp;' is how HTML writes it"
                    : "options are separated by '&', not by ';'", offset: segment.startIndex, part: part)
        }
        if let spec = OptionSpec.byName[key] {
            occurrence.spelling = spec.name
            return (spec.name, occurrence)
        }
        if let alias = OptionSpec.aliases[key] {
            occurrence.spelling = key == "gssapiservicename" ? "gssapiServiceName" : key
            occurrence.isDeprecated = alias.isDeprecated
            return (alias.name, occurrence)
        }
        unknownCount += 1
        warn(Self.isNameLike(key) ? spelling : "(unreadable name)", "this option is unknown and was ignored")
        return nil
    }

    /// Some drivers once accepted `;` as a separator. Here it would join two options into one value, and show a
    /// password in the value of another option.
    private func refuseSemicolons(in value: Bytes) throws(ConnectionStringError) {
        let pieces = value.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        for piece in pieces.dropFirst() {
            let key = asciiLowercased(String(decoding: piece.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self))
            guard piece.contains(UInt8(ascii: "=")), OptionSpec.byName[key] != nil || OptionSpec.aliases[key] != nil
            else { continue }
            throw ConnectionStringError(
                .invalidOption, "options are separated by '&', not by ';'", offset: piece.startIndex, part: part)
        }
    }

    /// Whether text can be shown as the name of an unknown option.
    private static func isNameLike(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { PlainBytes.unreserved.contains($0) && $0 != UInt8(ascii: "~") }
    }

    // MARK: Repeated and deprecated options

    /// The occurrences that count: all of a list, of the others the last.
    private mutating func settle(
        _ found: [Occurrence], of spec: OptionSpec
    ) throws(ConnectionStringError) -> [Occurrence] {
        for alias in found where alias.isDeprecated {
            if spec.name == "authMechanismProperties" {
                warn(alias.spelling, "deprecated; write authMechanismProperties=SERVICE_NAME:…")
            } else if found.contains(where: { !$0.isDeprecated }) {
                warn(alias.spelling, "deprecated and ignored, since \(spec.name) is given")
            } else {
                warn(alias.spelling, "deprecated; write \(spec.name)")
            }
        }
        if case .special(.readPreferenceTags) = spec.form { return found }
        if case .special(.tls) = spec.form {
            // A value that cannot be read must not undo one that can.
            let readable = try readableFlags(found)
            // "ssl" and "tls" are one option under two names, not a repetition.
            if Set(found.map(\.spelling)).count < found.count { warnRepeated(spec) }
            if !readable.isEmpty, readable.count < found.count { warnIgnored(spec, "true or false") }
            return (readable.isEmpty ? found : readable).suffix(1)
        }
        if case .special(.authMechanismProperties) = spec.form {
            // The deprecated alias goes first, so that SERVICE_NAME overrides it.
            let named = found.filter { !$0.isDeprecated }
            if named.count > 1 { warnRepeated(spec) }
            return found.filter(\.isDeprecated).suffix(1) + named.suffix(1)
        }
        let current = found.contains { !$0.isDeprecated } ? found.filter { !$0.isDeprecated } : found
        if current.count > 1 {
            if spec.name.hasPrefix("proxy") {
                throw locations.error(.conflictingOptions, "\(spec.name) may be given once only", option: spec.name)
            }
            warnRepeated(spec)
        }
        return current.suffix(1)
    }

    private mutating func warnRepeated(_ spec: OptionSpec) {
        warn(spec.name, "given more than once; the last value counts")
    }

    /// The occurrences of `tls` and `ssl` that are true or false. They must all be the same.
    private func readableFlags(_ found: [Occurrence]) throws(ConnectionStringError) -> [Occurrence] {
        var readable: [Occurrence] = []
        var values: Set<Bool> = []
        for occurrence in found {
            let text = try percentDecoded(occurrence.value, part: "options: tls")
            if let (flag, _) = OptionValue.boolean(text) {
                values.insert(flag)
                readable.append(occurrence)
            }
        }
        if values.count > 1 {
            throw locations.error(.conflictingOptions, "tls and ssl must have the same value", option: "tls")
        }
        return readable
    }

    // MARK: Values

    private mutating func apply(_ occurrence: Occurrence, to spec: OptionSpec) throws(ConnectionStringError) {
        let part = "options: \(spec.name)"
        let text = try percentDecoded(occurrence.value, part: part)
        // In C it would end a file's name, and other texts.
        guard !text.utf8.contains(0) else {
            throw locations.error(.invalidOption, "\(spec.name) has a NUL character", option: spec.name)
        }
        var acceptsEmpty = false
        if case .special(.readPreferenceTags) = spec.form { acceptsEmpty = true }
        if case .special(.authSource) = spec.form { acceptsEmpty = true }
        guard !text.isEmpty || acceptsEmpty else {
            return warn(spec.name, "has no value and was ignored")
        }
        switch spec.form {
        case .boolean(let path):
            if let flag = readBoolean(text, spec) { options[keyPath: path] = flag }
        case .integer(let range, let path):
            if let number = OptionValue.integer(text), range.contains(number) {
                options[keyPath: path] = number
            } else {
                let limit = range.upperBound < OptionSpec.int32Max || range.lowerBound < 0
                warnIgnored(
                    spec,
                    limit
                        ? "a whole number from \(range.lowerBound) to \(range.upperBound)"
                        : "a whole number of at least \(range.lowerBound)")
            }
        case .text(let path):
            options[keyPath: path] = text
        case .secret(let path):
            options[keyPath: path] = Secret(text)
        case .special(let special):
            try apply(special, text: text, occurrence, spec)
        }
    }

    private mutating func warnIgnored(_ spec: OptionSpec, _ expectation: String) {
        warn(spec.name, "ignored, as its value is not \(expectation)")
    }

    private mutating func readBoolean(_ text: String, _ spec: OptionSpec) -> Bool? {
        guard let (flag, isDeprecated) = OptionValue.boolean(text) else {
            warnIgnored(spec, "true or false")
            return nil
        }
        if isDeprecated { warn(spec.name, "deprecated form of a Boolean; write \(spec.name)=\(flag)") }
        return flag
    }

    private mutating func apply(
        _ special: OptionSpec.Special, text: String, _ occurrence: Occurrence, _ spec: OptionSpec
    ) throws(ConnectionStringError) {
        switch special {
        case .appName:
            guard text.utf8.count <= 128 else { return warnIgnored(spec, "a text of at most 128 bytes") }
            options.appName = text
        case .authMechanism:
            options.authMechanism = try mechanism(text)
        case .authMechanismProperties:
            try readProperties(text, occurrence, spec)
        case .authSource:
            guard !text.isEmpty else {
                throw locations.error(
                    .invalidOption,
                    "authSource must name a database; a shell leaves nothing of $external unless it is quoted",
                    option: spec.name)
            }
            options.authSource = text
        case .compressors:
            readCompressors(text, spec)
        case .maxStalenessSeconds:
            guard let seconds = OptionValue.integer(text), seconds == -1 || (90...OptionSpec.int32Max).contains(seconds)
            else { return warnIgnored(spec, "-1 or a whole number of at least 90") }
            options.maxStalenessSeconds = seconds
        case .readPreference:
            options.readPreference = readCase(text, spec)
        case .readPreferenceTags:
            guard let pairs = try OptionValue.pairs(occurrence.value, part: "options: \(spec.name)") else {
                return warnIgnored(spec, "a list name:value,name:value")
            }
            let set = Dictionary(pairs.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
            options.readPreferenceTags = options.readPreferenceTags ?? []
            options.readPreferenceTags?.append(set)
        case .serverMonitoringMode:
            options.serverMonitoringMode = readCase(text, spec)
        case .srvServiceName:
            guard OptionValue.isServiceName(text) else {
                return warnIgnored(spec, "a service name of letters, digits and single '-' (RFC 6335)")
            }
            options.srvServiceName = text
        case .tls:
            options.tls = readBoolean(text, spec)
        case .writeAcknowledgement:
            options.w = try writeAcknowledgement(text)
        }
    }

    /// Reads one of the values of an enumeration.
    private mutating func readCase<Value: CaseIterable & RawRepresentable<String>>(
        _ text: String, _ spec: OptionSpec
    ) -> Value? {
        if let value = Value(rawValue: text) { return value }
        warnIgnored(spec, "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
        return nil
    }

    private mutating func readCompressors(_ text: String, _ spec: OptionSpec) {
        var compressors: [MongoConnectionString.Compressor] = []
        for name in text.unicodeScalars.split(separator: ",", omittingEmptySubsequences: false) {
            if let compressor: MongoConnectionString.Compressor = readCase(String(name), spec),
                !compressors.contains(compressor)
            {
                compressors.append(compressor)
            }
        }
        if !compressors.isEmpty { options.compressors = compressors }
    }

    private func writeAcknowledgement(_ text: String) throws(ConnectionStringError)
        -> MongoConnectionString.WriteAcknowledgement
    {
        guard text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return .mode(text) }
        guard let count = OptionValue.integer(text), (0...OptionSpec.int32Max).contains(count) else {
            throw locations.error(
                .invalidOption, "w is the name of a mode, or a number of members from 0 to \(OptionSpec.int32Max)",
                option: "w")
        }
        return .nodes(count)
    }

    /// A mechanism must not be ignored: another one might reveal the password.
    private func mechanism(_ text: String) throws(ConnectionStringError) -> AuthMechanism {
        if let mechanism = AuthMechanism(rawValue: text) { return mechanism }
        if text == "MONGODB-CR" {
            throw locations.error(
                .unsupportedMechanism,
                "MONGODB-CR was removed from servers with MongoDB 4.0: write SCRAM-SHA-1 or SCRAM-SHA-256, or leave "
                    + "authMechanism out", option: "authMechanism")
        }
        let names = AuthMechanism.allCases.map(\.rawValue).joined(separator: ", ")
        throw locations.error(
            .unsupportedMechanism, "the mechanism must be one of \(names), in capital letters",
            option: "authMechanism")
    }

    private mutating func readProperties(
        _ text: String, _ occurrence: Occurrence, _ spec: OptionSpec
    ) throws(ConnectionStringError) {
        var properties = options.authMechanismProperties ?? MechanismProperties()
        if occurrence.isDeprecated {
            properties["SERVICE_NAME"] = text
            options.authMechanismProperties = properties
            return
        }
        guard let pairs = try OptionValue.pairs(occurrence.value, part: "options: \(spec.name)") else {
            return warnIgnored(spec, "a list NAME:value,NAME:value")
        }
        guard pairs.count <= OptionValue.maximumPairs else {
            throw locations.error(
                .tooLarge, "at most \(OptionValue.maximumPairs) properties are accepted; there are \(pairs.count)",
                option: spec.name)
        }
        var seen: Set<String> = []
        for pair in pairs {
            if !seen.insert(asciiUppercased(pair.name)).inserted {
                warn(spec.name, "a property is given more than once; the last value counts")
            }
            if pair.value.utf8.contains(UInt8(ascii: ",")) {
                warn(spec.name, "a property's value has a comma; other drivers end the value there")
            }
            properties[pair.name] = pair.value
        }
        options.authMechanismProperties = properties
    }
}

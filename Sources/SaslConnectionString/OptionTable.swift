internal import SecretMemory

typealias Options = MongoConnectionString.Options

/// One option of the URI options specification, or an extension of drivers (`tlsCRLFile`): its name, the form of
/// its value, and where the value goes.
struct OptionSpec: Sendable {
    enum Form: Sendable {
        case boolean(any WritableKeyPath<Options, Bool?> & Sendable)
        case integer(ClosedRange<Int>, any WritableKeyPath<Options, Int?> & Sendable)
        case text(any WritableKeyPath<Options, String?> & Sendable)
        case secret(any WritableKeyPath<Options, Secret?> & Sendable)
        case special(Special)
    }

    /// Options whose values have a form of their own.
    enum Special: Sendable {
        case appName, authMechanism, authMechanismProperties, authSource, compressors, maxStalenessSeconds
        case readPreference, readPreferenceTags, serverMonitoringMode, srvServiceName, tls, writeAcknowledgement
    }

    /// The name, spelled as the specification does.
    var name: String
    var form: Form

    init(_ name: String, _ form: Form) {
        self.name = name
        self.form = form
    }

    /// Every option, in the order in which ``MongoConnectionString/Options/entries`` has them.
    static let all: [OptionSpec] = [
        OptionSpec("appName", .special(.appName)),
        OptionSpec("authMechanism", .special(.authMechanism)),
        OptionSpec("authMechanismProperties", .special(.authMechanismProperties)),
        OptionSpec("authSource", .special(.authSource)),
        OptionSpec("compressors", .special(.compressors)),
        OptionSpec("connectTimeoutMS", .integer(0...int32Max, \.connectTimeoutMS)),
        OptionSpec("directConnection", .boolean(\.directConnection)),
        OptionSpec("enableOverloadRetargeting", .boolean(\.enableOverloadRetargeting)),
        OptionSpec("heartbeatFrequencyMS", .integer(500...int32Max, \.heartbeatFrequencyMS)),
        OptionSpec("journal", .boolean(\.journal)),
        OptionSpec("loadBalanced", .boolean(\.loadBalanced)),
        OptionSpec("localThresholdMS", .integer(0...int32Max, \.localThresholdMS)),
        OptionSpec("maxAdaptiveRetries", .integer(0...int32Max, \.maxAdaptiveRetries)),
        OptionSpec("maxConnecting", .integer(1...int32Max, \.maxConnecting)),
        OptionSpec("maxIdleTimeMS", .integer(0...int32Max, \.maxIdleTimeMS)),
        OptionSpec("maxPoolSize", .integer(0...int32Max, \.maxPoolSize)),
        OptionSpec("maxStalenessSeconds", .special(.maxStalenessSeconds)),
        OptionSpec("minPoolSize", .integer(0...int32Max, \.minPoolSize)),
        OptionSpec("proxyHost", .text(\.proxyHost)),
        OptionSpec("proxyPassword", .secret(\.proxyPassword)),
        OptionSpec("proxyPort", .integer(1...65535, \.proxyPort)),
        OptionSpec("proxyUsername", .text(\.proxyUsername)),
        OptionSpec("readConcernLevel", .text(\.readConcernLevel)),
        OptionSpec("readPreference", .special(.readPreference)),
        OptionSpec("readPreferenceTags", .special(.readPreferenceTags)),
        OptionSpec("replicaSet", .text(\.replicaSet)),
        OptionSpec("retryReads", .boolean(\.retryReads)),
        OptionSpec("retryWrites", .boolean(\.retryWrites)),
        OptionSpec("serverMonitoringMode", .special(.serverMonitoringMode)),
        OptionSpec("serverSelectionTimeoutMS", .integer(1...int32Max, \.serverSelectionTimeoutMS)),
        OptionSpec("serverSelectionTryOnce", .boolean(\.serverSelectionTryOnce)),
        OptionSpec("socketTimeoutMS", .integer(0...int32Max, \.socketTimeoutMS)),
        OptionSpec("srvMaxHosts", .integer(0...int32Max, \.srvMaxHosts)),
        OptionSpec("srvServiceName", .special(.srvServiceName)),
        OptionSpec("timeoutMS", .integer(0...int32Max, \.timeoutMS)),
        OptionSpec("tls", .special(.tls)),
        OptionSpec("tlsAllowInvalidCertificates", .boolean(\.tlsAllowInvalidCertificates)),
        OptionSpec("tlsAllowInvalidHostnames", .boolean(\.tlsAllowInvalidHostnames)),
        OptionSpec("tlsCAFile", .text(\.tlsCAFile)),
        OptionSpec("tlsCertificateKeyFile", .text(\.tlsCertificateKeyFile)),
        OptionSpec("tlsCertificateKeyFilePassword", .secret(\.tlsCertificateKeyFilePassword)),
        OptionSpec("tlsCRLFile", .text(\.tlsCRLFile)),
        OptionSpec("tlsDisableCertificateRevocationCheck", .boolean(\.tlsDisableCertificateRevocationCheck)),
        OptionSpec("tlsDisableOCSPEndpointCheck", .boolean(\.tlsDisableOCSPEndpointCheck)),
        OptionSpec("tlsInsecure", .boolean(\.tlsInsecure)),
        OptionSpec("w", .special(.writeAcknowledgement)),
        OptionSpec("waitQueueTimeoutMS", .integer(1...int32Max, \.waitQueueTimeoutMS)),
        OptionSpec("wTimeoutMS", .integer(0...Int(Int64.max), \.wTimeoutMS)),
        OptionSpec("zlibCompressionLevel", .integer(-1...9, \.zlibCompressionLevel)),
    ]

    /// The options by their names in lower case.
    static let byName = Dictionary(all.map { (asciiLowercased($0.name), $0) }, uniquingKeysWith: { first, _ in first })

    /// Other names for options: by the alias in lower case, the option's name and whether the alias is deprecated.
    static let aliases: [String: (name: String, isDeprecated: Bool)] = [
        "ssl": ("tls", false),
        "wtimeout": ("wTimeoutMS", true),
        "j": ("journal", true),
        "gssapiservicename": ("authMechanismProperties", true),
    ]

    /// All integers are of 32 bits unless the specification says otherwise.
    static let int32Max = Int(Int32.max)
}

/// Lower-cases `A` to `Z` only, as the specification does with option names.
func asciiLowercased(_ text: String) -> String {
    String(
        decoding: text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 },
        as: UTF8.self)
}

/// Upper-cases `a` to `z` only: Unicode's rules would make `SERVICE_NAME` of a text with a dotless i.
func asciiUppercased(_ text: String) -> String {
    String(
        decoding: text.utf8.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 & ~0x20 : $0 },
        as: UTF8.self)
}

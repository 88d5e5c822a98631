// swift-tools-version: 6.3
import PackageDescription

/// CI sets this: a warning in our own code fails its build, one in a dependency does not.
let warningsAreErrors = Context.environment["WARNINGS_AS_ERRORS"] == "1"

let swiftSettings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

/// A product of another package, fetched only by those who have one of these traits enabled.
func product(_ name: String, _ package: String, for traits: Set<String>) -> Target.Dependency {
    .product(name: name, package: package, condition: .when(traits: traits))
}

/// A target of this package, built only for those who have one of these traits enabled.
func target(_ name: String, for traits: Set<String>) -> Target.Dependency {
    .target(name: name, condition: .when(traits: traits))
}

let asn1 = product("SwiftASN1", "swift-asn1", for: ["TLS"])
let argumentParser = product("ArgumentParser", "swift-argument-parser", for: ["Tools"])
let crypto = product("Crypto", "swift-crypto", for: ["SCRAM"])
let cryptoExtras = product("CryptoExtras", "swift-crypto", for: ["SCRAM"])
let cryptoForTLS = product("Crypto", "swift-crypto", for: ["TLS"])
let logging = product("Logging", "swift-log", for: ["Kerberos", "SCRAM", "TLS"])
let nioConcurrencyHelpers = product("NIOConcurrencyHelpers", "swift-nio", for: ["TLS"])
let nioCore = product("NIOCore", "swift-nio", for: ["TLS"])
let nioEmbedded = product("NIOEmbedded", "swift-nio", for: ["TLS"])
let nioPosix = product("NIOPosix", "swift-nio", for: ["TLS"])
let nioSSL = product("NIOSSL", "swift-nio-ssl", for: ["TLS"])
let nioTLS = product("NIOTLS", "swift-nio", for: ["TLS"])
let subprocess = product("Subprocess", "swift-subprocess", for: ["Tools"])
let x509 = product("X509", "swift-certificates", for: ["Tools"])
let systemPackage = product("SystemPackage", "swift-system", for: ["Tools"])

/// A target under Sources/. A module may import only modules that stand before it in the list below.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// `make fuzz` sets this: libFuzzer has the `main` of a fuzzer, so that it links only with `--sanitize fuzzer`.
let isFuzzing = Context.environment["FUZZING"] == "1"

func program(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

let libraries = [
    "SaslBSON", "SecretMemory", "SASL", "SASLSCRAM", "GSSCore", "SASLGSSAPI", "GSSKerberos", "BlockingWork",
    "NameResolution", "KerberosCredentials", "SaslWire",
    "SaslConnectionString", "MongoTransport", "MongoAuth", "MongoConnect", "KerberosTestKit",
]

let package = Package(
    name: "swift-mongo-sasl",
    platforms: [.macOS(.v15)],
    products: libraries.map { .library(name: $0, targets: [$0]) } + [
        // All of them, for those who want everything by one name.
        .library(name: "MongoSASL", targets: libraries),
        .executable(name: "authcheck", targets: ["authcheck"]),
        .executable(name: "mongo-test-server", targets: ["mongo-test-server"]),
        .executable(name: "testrealm", targets: ["testrealm"]),
    ],
    traits: [
        .default(enabledTraits: ["Kerberos", "SCRAM", "TLS", "Tools"]),
        .trait(name: "Kerberos", description: "MongoAuth has GSSAPI; needs libkrb5."),
        .trait(name: "SCRAM", description: "SASLSCRAM, and SCRAM in MongoAuth; needs swift-crypto."),
        .trait(
            name: "TLS", description: "MongoTransport and MongoConnect; needs swift-nio and swift-nio-ssl.",
            enabledTraits: ["Kerberos"]),
        .trait(name: "Tools", description: "KerberosTestKit and the programs."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        module("SaslBSON"),
        module("SecretMemory"),
        module("ShellWords"),
        module("TextNormalization", ["SecretMemory"]),
        module("SASL", ["SecretMemory"]),
        module("SASLSCRAM", ["SASL", "TextNormalization", crypto, cryptoExtras]),
        module("GSSCore"),
        module("SASLGSSAPI", ["SASL", "GSSCore"]),
        // Debian's pkg-config file for Kerberos has a flag that SwiftPM refuses, so the library is named here.
        .target(
            name: "CKerberosGSSAPI", linkerSettings: ["gssapi_krb5", "krb5", "k5crypto"].map { .linkedLibrary($0) }),
        module("GSSKerberos", ["CKerberosGSSAPI", "GSSCore", "SecretMemory"]),
        module("BlockingWork"),
        .target(name: "CSystemResolver", linkerSettings: [.linkedLibrary("resolv", .when(platforms: [.linux]))]),
        module("NameResolution", ["BlockingWork", "CSystemResolver", "TextNormalization"]),
        module("KerberosCredentials", ["BlockingWork", "GSSCore", "GSSKerberos", "NameResolution", "SecretMemory"]),
        module("SaslWire", ["SaslBSON", nioCore]),
        module("SaslConnectionString", ["SecretMemory"]),
        module(
            "MongoTransport",
            [
                "BlockingWork", "NameResolution", "SaslBSON", "SaslWire", "SecretMemory", asn1, cryptoForTLS,
                nioConcurrencyHelpers, nioCore, nioPosix,
                nioSSL, nioTLS,
            ]),
        module(
            "MongoAuth",
            ["BlockingWork", "SASL", "SaslBSON", logging, target("SASLSCRAM", for: ["SCRAM"])]
                + ["GSSCore", "GSSKerberos", "KerberosCredentials", "NameResolution", "SASLGSSAPI"].map {
                    target($0, for: ["Kerberos"])
                }),
        module(
            "MongoConnect",
            [
                "BlockingWork", "GSSCore", "GSSKerberos", "KerberosCredentials", "MongoAuth", "MongoTransport",
                "NameResolution", "SASL", "SASLGSSAPI", "SaslConnectionString", logging, nioCore,
            ]),
        module(
            "AuthCheckKit",
            [
                "BlockingWork", "GSSCore", "GSSKerberos", "KerberosCredentials", "MongoAuth", "MongoConnect",
                "MongoTransport", "NameResolution", "SASL", "SASLGSSAPI", "SaslConnectionString", "SecretMemory",
                "ShellWords",
            ]),
        // The templates are in Fixtures/Realm, where the containers' files come from too; what is here are links.
        .target(
            name: "KerberosTestKit", dependencies: [subprocess, systemPackage],
            resources: [
                .embedInCode("krb5.conf.template"), .embedInCode("kdc.conf.template"),
                .embedInCode("smb.conf.template"),
                .embedInCode("samba-realm.py"),
            ],
            swiftSettings: swiftSettings),
        program(
            "authcheck",
            [
                "AuthCheckKit", "BlockingWork", "KerberosCredentials", "MongoAuth", "MongoConnect", "SASL",
                "SaslConnectionString", argumentParser, logging, nioCore, nioPosix, systemPackage,
            ]),
        .target(name: "CCyrusSASL", linkerSettings: [.linkedLibrary("sasl2"), .linkedLibrary("gssapi_krb5")]),
        module(
            "MongoTestServer",
            [
                "CCyrusSASL", "GSSCore", "GSSKerberos", "SASL", "SASLGSSAPI", "SASLSCRAM", "SaslBSON", "SaslWire",
                "SecretMemory", nioConcurrencyHelpers, nioCore, nioPosix, nioSSL, asn1, x509,
            ]),
        program("mongo-test-server", ["MongoTestServer", "SaslBSON", "SecretMemory", argumentParser]),
        program(
            "testrealm",
            ["KerberosTestKit", "SaslConnectionString", "ShellWords", argumentParser, subprocess, systemPackage]),

        // What tests of a module by itself share: nothing of Kerberos.
        .target(
            name: "ModuleTestSupport", dependencies: [crypto], path: "Tests/ModuleTestSupport",
            swiftSettings: swiftSettings),
        .target(
            name: "TestSupport",
            dependencies: ["KerberosTestKit", "NameResolution", nioSSL, subprocess, systemPackage],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        program(
            "scripted-acceptor", ["SaslBSON", "GSSCore", "GSSKerberos", "SaslWire", nioCore],
            path: "Tests/ScriptedAcceptor"),
        program(
            "network-fixture", ["BlockingWork", "NameResolution", "TestSupport"], path: "Tests/NetworkFixture"),
        program(
            "crowd",
            [
                "GSSKerberos", "BlockingWork", "KerberosCredentials", "MongoAuth", "MongoConnect", "MongoTransport",
                "SASL",
                "SaslConnectionString", logging, nioPosix,
            ], path: "Tests/Crowd"),
        program(
            "leaver", ["KerberosCredentials", "MongoAuth", "MongoConnect", "SaslConnectionString", nioPosix],
            path: "Tests/Leaver"),
        program(
            "soak",
            ["GSSKerberos", "MongoAuth", "MongoConnect", "SASL", "SaslConnectionString", "MongoTransport", nioPosix],
            path: "Tests/Soak"),

        .target(
            name: "FuzzTargets",
            dependencies: [
                "GSSCore", "GSSKerberos", "KerberosCredentials", "MongoAuth", "NameResolution", "SASL", "SASLGSSAPI",
                "SASLSCRAM", "SaslBSON", "SaslConnectionString", "SaslWire", "ShellWords", nioCore,
            ], path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),

        tests(
            "AuthCheckKitTests",
            [
                "AuthCheckKit", "GSSCore", "GSSKerberos", "KerberosCredentials", "MongoAuth", "MongoConnect",
                "MongoTransport", "NameResolution", "SASL", "SaslConnectionString", "TestSupport",
            ]),
        tests("BSONTests", ["SaslBSON"]),
        tests("BlockingWorkTests", ["ModuleTestSupport", "BlockingWork", nioConcurrencyHelpers]),
        tests(
            "CyrusTests",
            [
                "GSSCore", "GSSKerberos", "KerberosTestKit", "SASL", "SASLGSSAPI", "SASLSCRAM", "TestSupport",
                subprocess,
                systemPackage,
            ]),
        tests(
            "DistributionTests",
            ["AuthCheckKit", "KerberosTestKit", "TestSupport", "authcheck", "mongo-test-server", "testrealm"],
            exclude: ["archive"]),
        // What the articles show: `make docs` checks that they show it word for word.
        tests(
            "DocumentationTests",
            [
                "GSSCore", "GSSKerberos", "KerberosCredentials", "KerberosTestKit", "MongoAuth", "MongoConnect",
                "MongoTransport", "SASL", "SASLGSSAPI", "SASLSCRAM", "SaslBSON", "SaslConnectionString", nioCore,
                nioPosix,
            ]),
        tests("FuzzTests", ["FuzzTargets"]),
        tests("GSSCoreTests", ["GSSCore"]),
        tests(
            "GSSKerberosTests",
            [
                "ModuleTestSupport", "GSSCore", "GSSKerberos", "KerberosTestKit", "SASL", "SASLGSSAPI", "SecretMemory",
                "TestSupport",
            ]),
        tests(
            "IntegrationTests",
            [
                "ModuleTestSupport", "BlockingWork", "GSSCore", "KerberosCredentials", "KerberosTestKit", "MongoAuth",
                "MongoConnect",
                "SaslConnectionString",
                "MongoTransport", "NameResolution", "TestSupport", "authcheck", "crowd", "mongo-test-server",
                "leaver", "network-fixture", "scripted-acceptor", "soak", "testrealm", nioConcurrencyHelpers, nioCore,
                nioPosix, nioSSL,
            ], exclude: ["Peers"]),
        tests(
            "KerberosCredentialsTests",
            [
                "ModuleTestSupport", "BlockingWork", "CKerberosGSSAPI", "GSSCore", "GSSKerberos", "KerberosCredentials",
                "KerberosTestKit",
                "NameResolution", "SecretMemory", "TestSupport",
            ]),
        tests(
            "KerberosTestKitTests", ["ModuleTestSupport", "KerberosTestKit", "TestSupport", subprocess, systemPackage]),
        tests(
            "MongoAuthTests",
            [
                "ModuleTestSupport", "BlockingWork", "GSSCore", "KerberosCredentials", "MongoAuth", "SASL", "SaslBSON",
                "SaslWire", crypto,
                logging, nioConcurrencyHelpers, nioCore,
            ]),
        tests("DriverGlueTests", ["MongoAuth", "SASL", "SaslBSON"]),
        tests(
            "MongoConnectTests",
            [
                "BlockingWork", "MongoConnect", "SaslConnectionString", "MongoTransport", "NameResolution",
                "SecretMemory", "TestSupport", nioConcurrencyHelpers, nioCore, nioPosix,
            ]),
        tests("MongoConnectionStringTests", ["SaslConnectionString", "SecretMemory"]),
        tests(
            "MongoTestServerTests",
            [
                "ModuleTestSupport", "SaslBSON", "KerberosTestKit", "MongoTestServer", "SaslWire", "SecretMemory",
                "TestSupport",
                "mongo-test-server",
                nioCore, nioEmbedded, nioPosix,
            ], exclude: ["Peers"]),
        tests(
            "MongoTransportTests",
            [
                "ModuleTestSupport", "SaslBSON", "BlockingWork", "MongoTransport", "SaslWire", "NameResolution",
                "SecretMemory",
                "TestSupport",
                nioConcurrencyHelpers, nioCore, nioPosix, nioSSL,
            ]),
        tests("MongoWireTests", ["SaslBSON", "SaslWire", nioCore]),
        tests(
            "NameResolutionTests",
            [
                "BlockingWork", "CSystemResolver", "NameResolution", "TestSupport", nioConcurrencyHelpers, nioCore,
                nioPosix,
            ]),
        tests("SASLGSSAPITests", ["GSSCore", "SASL", "SASLGSSAPI"]),
        tests("SASLSCRAMTests", ["ModuleTestSupport", "SASL", "SASLSCRAM", "TextNormalization", crypto]),
        tests("SASLTests", ["GSSCore", "SASL", "SASLGSSAPI", "SASLSCRAM"]),
        tests("SecretMemoryTests", ["SASL", "SecretMemory"]),
    ] + (isFuzzing ? [program("fuzz", ["FuzzTargets"], path: "Tests/Fuzz/Driver")] : [])
)

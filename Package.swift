// swift-tools-version: 6.2
import PackageDescription

/// CI sets this: a warning in our own code fails its build, one in a dependency does not.
let warningsAreErrors = Context.environment["WARNINGS_AS_ERRORS"] == "1"

let swiftSettings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioConcurrencyHelpers: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

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
    "SaslBSON", "SASL", "SASLSCRAM", "GSSCore", "SASLGSSAPI", "GSSKerberos", "BlockingWork", "NameResolution", "SaslWire",
    "SaslConnectionString", "MongoTransport", "MongoAuth", "MongoConnect", "KerberosTestKit",
]

let package = Package(
    name: "swift-mongo-sasl",
    platforms: [.macOS(.v15)],
    products: libraries.map { .library(name: $0, targets: [$0]) } + [
        .executable(name: "authcheck", targets: ["authcheck"]),
        .executable(name: "mongo-test-server", targets: ["mongo-test-server"]),
        .executable(name: "testrealm", targets: ["testrealm"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        module("SaslBSON"),
        module("SASL"),
        module("SASLSCRAM", ["SASL", crypto, cryptoExtras]),
        module("GSSCore"),
        module("SASLGSSAPI", ["SASL", "GSSCore"]),
        // Debian's pkg-config file for Kerberos has a flag that SwiftPM refuses, so the library is named here.
        .target(name: "CKerberosGSSAPI", linkerSettings: ["gssapi_krb5", "krb5", "k5crypto"].map { .linkedLibrary($0) }),
        module("GSSKerberos", ["GSSCore", "CKerberosGSSAPI"]),
        module("BlockingWork", [nioConcurrencyHelpers]),
        .target(name: "CSystemResolver", linkerSettings: [.linkedLibrary("resolv", .when(platforms: [.linux]))]),
        module("NameResolution", ["BlockingWork", "CSystemResolver"]),
        module("SaslWire", ["SaslBSON", nioCore]),
        module("SaslConnectionString"),
        module(
            "MongoTransport",
            [
                "SaslBSON", "BlockingWork", "SaslWire", "NameResolution", asn1, logging, nioConcurrencyHelpers, nioCore,
                nioPosix, nioSSL, nioTLS,
            ]),
        module(
            "MongoAuth",
            [
                "SaslBSON", "BlockingWork", "GSSCore", "GSSKerberos", "SaslWire", "NameResolution", "SASL", "SASLGSSAPI",
                "SASLSCRAM", crypto, logging, nioConcurrencyHelpers,
            ]),
        module(
            "MongoConnect",
            [
                "BlockingWork", "GSSCore", "GSSKerberos", "MongoAuth", "SaslConnectionString", "MongoTransport",
                "SaslWire", "NameResolution", "SASL", "SASLGSSAPI", logging, nioConcurrencyHelpers, nioCore,
            ]),
        module(
            "AuthCheckKit",
            [
                "BlockingWork", "GSSCore", "GSSKerberos", "MongoAuth", "MongoConnect", "SaslConnectionString",
                "MongoTransport", "NameResolution", "SASL", "SASLGSSAPI", nioConcurrencyHelpers,
            ]),
        // The templates are in Fixtures/Realm, where the containers' files come from too; what is here are links.
        .target(
            name: "KerberosTestKit", dependencies: [subprocess, systemPackage],
            resources: [.embedInCode("krb5.conf.template"), .embedInCode("kdc.conf.template")],
            swiftSettings: swiftSettings),
        program(
            "authcheck",
            [
                "AuthCheckKit", "GSSKerberos", "KerberosTestKit", "MongoAuth", "MongoConnect", "SaslConnectionString",
                "SASL", argumentParser, logging, nioCore, nioPosix, subprocess, systemPackage,
            ]),
        .target(name: "CCyrusSASL", linkerSettings: [.linkedLibrary("sasl2"), .linkedLibrary("gssapi_krb5")]),
        module(
            "MongoTestServer",
            ["SaslBSON", "CCyrusSASL", "SaslWire", nioConcurrencyHelpers, nioCore, nioPosix, nioSSL]),
        program("mongo-test-server", ["MongoTestServer", argumentParser]),
        program("testrealm", ["KerberosTestKit", argumentParser, subprocess, systemPackage]),

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
                "BlockingWork", "GSSKerberos", "MongoAuth", "MongoConnect", "SaslConnectionString", "MongoTransport",
                "SASL", logging, nioPosix,
            ], path: "Tests/Crowd"),
        program("soak", ["MongoConnect", "SaslConnectionString", "MongoTransport", nioPosix], path: "Tests/Soak"),

        .target(
            name: "FuzzTargets",
            dependencies: [
                "SaslBSON", "GSSCore", "SaslConnectionString", "SaslWire", "NameResolution", "SASL", "SASLGSSAPI",
                "SASLSCRAM", nioCore,
            ], path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),

        tests(
            "AuthCheckKitTests",
            ["AuthCheckKit", "GSSCore", "MongoAuth", "MongoConnect", "SaslConnectionString", "MongoTransport", "SASL"]),
        tests("BSONTests", ["SaslBSON"]),
        tests("BlockingWorkTests", ["BlockingWork", nioConcurrencyHelpers]),
        tests("FuzzTests", ["FuzzTargets"]),
        tests("GSSCoreTests", ["GSSCore"]),
        tests("GSSKerberosTests", ["GSSCore", "GSSKerberos", "KerberosTestKit", "SASL", "SASLGSSAPI", "TestSupport"]),
        tests(
            "IntegrationTests",
            [
                "BlockingWork", "GSSCore", "KerberosTestKit", "MongoAuth", "MongoConnect", "SaslConnectionString",
                "MongoTransport", "NameResolution", "TestSupport", "authcheck", "crowd", "mongo-test-server",
                "network-fixture", "scripted-acceptor", "soak", "testrealm", nioConcurrencyHelpers, nioCore,
                nioPosix, nioSSL,
            ], exclude: ["Peers"]),
        tests("KerberosTestKitTests", ["KerberosTestKit", "TestSupport", subprocess, systemPackage]),
        tests(
            "MongoAuthTests",
            [
                "SaslBSON", "BlockingWork", "GSSCore", "MongoAuth", "SaslWire", "NameResolution", "SASL", crypto, logging,
                nioConcurrencyHelpers, nioCore,
            ]),
        tests(
            "MongoConnectTests",
            [
                "BlockingWork", "MongoConnect", "SaslConnectionString", "MongoTransport", "NameResolution",
                "TestSupport", nioConcurrencyHelpers, nioCore, nioPosix,
            ]),
        tests("MongoConnectionStringTests", ["SaslConnectionString"]),
        tests(
            "MongoTestServerTests",
            [
                "SaslBSON", "KerberosTestKit", "MongoTestServer", "SaslWire", "TestSupport", "mongo-test-server", nioCore,
                nioPosix,
            ], exclude: ["Peers"]),
        tests(
            "MongoTransportTests",
            [
                "SaslBSON", "BlockingWork", "MongoTransport", "SaslWire", "NameResolution", "TestSupport",
                nioConcurrencyHelpers, nioCore, nioPosix, nioSSL,
            ]),
        tests("MongoWireTests", ["SaslBSON", "SaslWire", nioCore]),
        tests(
            "NameResolutionTests",
            ["BlockingWork", "CSystemResolver", "NameResolution", "TestSupport", nioConcurrencyHelpers, nioCore, nioPosix]),
        tests("SASLGSSAPITests", ["GSSCore", "SASL", "SASLGSSAPI"]),
        tests("SASLSCRAMTests", ["SASL", "SASLSCRAM", crypto]),
        tests("SASLTests", ["SASL"]),
    ] + (isFuzzing ? [program("fuzz", ["FuzzTargets"], path: "Tests/Fuzz/Driver")] : [])
)

// swift-tools-version: 6.3
import PackageDescription

func example(_ name: String, _ own: [Target.Dependency] = [], sasl: [String], nio: [String]) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["ExampleSupport"] + own
            + sasl.map { .product(name: $0, package: "swift-mongo-sasl") }
            + nio.map { .product(name: $0, package: "swift-nio") },
        path: name)
}

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Kerberos without SCRAM and TLS: no swift-crypto, no BoringSSL.
        .package(name: "swift-mongo-sasl", path: "..", traits: ["Kerberos"]),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .target(
            name: "ExampleSupport",
            dependencies: [
                .product(name: "SASL", package: "swift-mongo-sasl"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], path: "Support"),
        example(
            "EmbedInDriver", sasl: ["KerberosCredentials", "MongoAuth", "SASL", "SASLGSSAPI"],
            nio: ["NIOCore", "NIOPosix"]),
        example(
            "GSSAcceptor", sasl: ["GSSCore", "GSSKerberos", "SASL", "SASLGSSAPI"], nio: ["NIOCore", "NIOPosix"]),
        example(
            "HTTPNegotiate", sasl: ["GSSCore", "GSSKerberos", "KerberosCredentials", "SASL"],
            nio: ["NIOCore", "NIOHTTP1", "NIOPosix"]),
        example(
            "IMAPAuthenticate", sasl: ["KerberosCredentials", "SASL", "SASLGSSAPI"], nio: ["NIOCore", "NIOPosix"]),
        .target(name: "LDAP", dependencies: [.product(name: "NIOCore", package: "swift-nio")], path: "LDAP"),
        example(
            "LDAPBind", ["LDAP"], sasl: ["KerberosCredentials", "SASL", "SASLGSSAPI"], nio: ["NIOCore", "NIOPosix"]),
        example("LDAPServer", ["LDAP"], sasl: ["GSSKerberos", "SASL", "SASLGSSAPI"], nio: ["NIOCore"]),
    ]
)

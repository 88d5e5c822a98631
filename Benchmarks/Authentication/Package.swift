// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "Authentication",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Without the trait Tools, which it does not use.
        .package(name: "swift-mongo-sasl", path: "../..", traits: ["Kerberos", "SCRAM", "TLS"]),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        // The server side of an in-memory context, shared by the C floor, the test server and our client.
        .target(
            name: "CGSSAcceptor", linkerSettings: [.linkedLibrary("gssapi_krb5"), .linkedLibrary("krb5")]),
        .executableTarget(
            name: "AuthenticationBenchmark",
            dependencies: [
                "CGSSAcceptor",
                .product(name: "KerberosCredentials", package: "swift-mongo-sasl"),
                .product(name: "MongoConnect", package: "swift-mongo-sasl"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SASL", package: "swift-mongo-sasl"),
                .product(name: "SASLGSSAPI", package: "swift-mongo-sasl"),
                .product(name: "SaslConnectionString", package: "swift-mongo-sasl"),
            ]),
    ]
)

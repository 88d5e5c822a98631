// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "OwnTransport",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Kerberos without SCRAM and TLS: no swift-crypto, no SwiftNIO, no BoringSSL.
        .package(name: "swift-mongo-sasl", path: "../..", traits: ["Kerberos"])
    ],
    targets: [
        .executableTarget(
            name: "OwnTransport", dependencies: [.product(name: "MongoAuth", package: "swift-mongo-sasl")])
    ]
)

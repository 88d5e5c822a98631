// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "OwnMechanism",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-mongo-sasl", path: "../..", traits: [])],
    targets: [
        .executableTarget(
            name: "OwnMechanism", dependencies: [.product(name: "SASL", package: "swift-mongo-sasl")])
    ]
)

// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "RealmStart",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-mongo-sasl", path: "../..")],
    targets: [
        .executableTarget(
            name: "RealmStart", dependencies: [.product(name: "KerberosTestKit", package: "swift-mongo-sasl")])
    ]
)

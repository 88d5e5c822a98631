import KerberosCredentials
import MongoAuth
import MongoConnect
import MongoTransport
import NIOPosix
import SaslBSON
import SaslConnectionString

// The code of the article "Getting started" of MongoConnect, and of the README.

func firstAuthentication() async throws {
    let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
    let string = try MongoConnectionString(
        parsing: "mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI")
    let session = try await connector.connect(to: string, by: .now + .seconds(10))
    let reply = try await session.connection.run(["ping": 1, "$db": "admin"], by: .now + .seconds(1))
    print(session.authentication?.clientPrincipal ?? "nobody", reply)
    await session.connection.close()
}

/// Everything about the service is in the string, and who asks for it in the credential.
func authenticateWithKeytab(
    _ connector: MongoConnector, to string: MongoConnectionString
) async throws -> MongoSession {
    let options = GSSAPIOptions(identity: .keytab("FILE:/etc/app.keytab", user: "app@EXAMPLE.COM"))
    let credential = MongoCredential(username: "app@EXAMPLE.COM", method: .gssapi(options))
    return try await connector.connect(to: string, as: credential, by: .now + .seconds(10))
}

func connectToEveryHost(
    _ connector: MongoConnector, of string: MongoConnectionString, by deadline: ContinuousClock.Instant
) async throws {
    let resolved = try await connector.resolvingHosts(of: string, by: deadline)
    for host in resolved.hosts {
        let trace = ConnectTrace { entry in print(entry.event) }
        let session = try await connector.connect(to: host, of: resolved, by: deadline, trace: trace)
        await session.connection.close()
    }
}

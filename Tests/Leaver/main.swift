import Foundation
import Glibc
import KerberosCredentials
import MongoAuth
import MongoConnect
import NIOPosix
import SaslConnectionString

// Begins four authentications and returns from `main` before they have ended, as many programs do.
//
//     leaver URI SOURCE MICROSECONDS [KEYTAB]
//
// SOURCE is what the process awaits: `nothing`, `one` of the four, or `tickets`: one of them and then the list of its
// tickets. MICROSECONDS is how long it waits before that.

let words = CommandLine.arguments
guard words.count >= 4, let pause = Int64(words[3]) else {
    FileHandle.standardError.write(Data("usage: leaver URI nothing|one|tickets MICROSECONDS [KEYTAB]\n".utf8))
    exit(64)
}
let string = try MongoConnectionString(parsing: words[1])
var credential = try string.credential.map(MongoCredential.init)
if words.count > 4, case .gssapi(var options)? = credential?.method {
    options.identity = .keytab(words[4])
    credential?.method = .gssapi(options)
}
let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
let given = credential
let tasks = (0..<4).map { _ in
    Task { try await connector.connect(to: string, as: given, by: .now + .seconds(2)) }
}
try await Task.sleep(for: .microseconds(pause))
if words[2] != "nothing" { _ = await tasks.first?.result }
if words[2] == "tickets", let given { _ = try? await connector.tickets(of: given, by: .now + .seconds(2)) }

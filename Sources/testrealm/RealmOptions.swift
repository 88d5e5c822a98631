import ArgumentParser
import KerberosTestKit

/// The options of a realm, common to all commands.
struct RealmOptions: ParsableArguments, Sendable {
    @Option(help: "The realm's name.")
    var realm = "EXAMPLE.TEST"

    @Option(
        name: .customLong("user"),
        help: ArgumentHelp(
            "A user. Repeatable. Default: ann:secret. Without a password the user has a random key.",
            valueName: "name[:password]"))
    var users: [UserOption] = []

    @Option(
        name: .customLong("service"),
        help: ArgumentHelp(
            "A service. Repeatable. Default: mongodb/localhost. KRB5_KTNAME has the keys of all.",
            valueName: "name/host"))
    var services: [String] = []

    @Option(help: ArgumentHelp("A copy of the services' keytab, for a server elsewhere.", valueName: "file"))
    var keytab: String?

    @Option(
        name: .customLong("ccache"),
        help: ArgumentHelp(
            "The user whose ticket is in KRB5CCNAME, or none. Default: the first user.", valueName: "user"))
    var cacheUser: String?

    @Flag(help: "Put the users' keys where GSS-API clients find them (KRB5_CLIENT_KTNAME), so that they need no kinit.")
    var clientKeytab = false

    @Option(help: ArgumentHelp("The lifetime of tickets, unless a client asks for less.", valueName: "duration"))
    var ticketLifetime = Lifetime(.seconds(10 * 3600))

    @Option(help: ArgumentHelp("The longest lifetime that the KDC grants.", valueName: "duration"))
    var maximumLifetime = Lifetime(.seconds(24 * 3600))

    @Option(help: ArgumentHelp("How long tickets can be renewed.", valueName: "duration"))
    var renewableLifetime = Lifetime(.seconds(7 * 24 * 3600))

    @Option(
        name: .customLong("encryption-type"),
        help: ArgumentHelp("The only encryption types that the realm has. Repeatable.", valueName: "type"))
    var encryptionTypes: [String] = []

    @Option(
        help: ArgumentHelp(
            "Run the KDC in a container of this image, which docker/kdc builds, and not as a process.",
            valueName: "image"))
    var container: String?

    @Option(
        help: ArgumentHelp(
            "What the KDC is: MIT's, or an Active Directory domain controller's, which needs the package samba and some ten "
                + "seconds for the first realm of a name."))
    var backend = BackendOption.mit

    @Flag(
        help:
            "Also start mongo-test-server as mongodb/localhost, which accepts all users; MONGODB_URI is its connection string."
    )
    var server = false

    func validate() throws {
        if let cacheUser, cacheUser != "none", !everyUser.contains(where: { $0.name == cacheUser }) {
            throw ValidationError("--ccache names \(cacheUser), which is not a --user.")
        }
        if server, !everyService.contains("mongodb/localhost") {
            throw ValidationError("--server needs --service mongodb/localhost.")
        }
        if backend == .samba, container != nil {
            throw ValidationError("--container is for MIT's KDC: leave it out, or --backend samba.")
        }
    }

    var everyUser: [UserOption] { users.isEmpty ? [UserOption(name: "ann", password: "secret")] : users }
    var everyService: [String] { services.isEmpty ? ["mongodb/localhost"] : services }

    var configuration: KerberosRealm.Configuration {
        KerberosRealm.Configuration(
            realm: realm, ticketLifetime: ticketLifetime.duration, maximumLifetime: maximumLifetime.duration,
            maximumRenewableLifetime: renewableLifetime.duration, encryptionTypes: encryptionTypes,
            backend: backend == .samba ? .samba() : container.map { .container(image: $0) } ?? .processes)
    }
}

/// The value of `--backend`.
enum BackendOption: String, CaseIterable, ExpressibleByArgument {
    case mit
    case samba
}

/// The value of `--user`.
struct UserOption: ExpressibleByArgument {
    var name: String
    /// `nil` means a random key.
    var password: String?

    init(name: String, password: String?) {
        self.name = name
        self.password = password
    }

    init?(argument: String) {
        let parts = argument.unicodeScalars.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            .map(String.init)
        guard let name = parts.first, !name.isEmpty, parts.dropFirst().first != "" else { return nil }
        self.init(name: name, password: parts.dropFirst().first)
    }
}

/// A lifetime on a command line: `90s`, `10m`, `8h`, `7d`.
struct Lifetime: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let units: [(suffix: String, seconds: Int)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        let unit = units.first { argument.hasSuffix($0.suffix) }
        guard let number = Int(unit == nil ? argument : String(argument.dropLast())), number > 0,
            number <= Int(Int32.max) / (unit?.seconds ?? 1)
        else { return nil }
        duration = .seconds(number * (unit?.seconds ?? 1))
    }

    var description: String {
        let seconds = duration.components.seconds
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s"
    }

    var defaultValueDescription: String { description }
}

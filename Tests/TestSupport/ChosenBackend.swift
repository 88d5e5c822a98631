import Foundation
public import KerberosTestKit

extension KerberosRealm.Backend {
    /// What the environment chooses for this run of the tests: `KERBEROS_REALM` is `processes`, the default, or
    /// `containers`; `KERBEROS_REALM_IMAGE` names another image than the default one.
    public static var chosen: KerberosRealm.Backend {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            switch environment["KERBEROS_REALM"] ?? "processes" {
            case "processes": return .processes
            case "containers":
                return environment["KERBEROS_REALM_IMAGE"].map { .container(image: $0) } ?? .container()
            case let other:
                throw TestSupportError("KERBEROS_REALM is \(other): set it to processes or containers")
            }
        }
    }

    /// Whether the environment chooses containers.
    public static var isContainerChosen: Bool {
        ProcessInfo.processInfo.environment["KERBEROS_REALM"] == "containers"
    }
}

import Foundation
public import KerberosTestKit

extension KerberosRealm.Backend {
    /// The image of the KDC's container, where the environment chooses containers for this run of the tests.
    ///
    /// `KERBEROS_REALM` is `processes`, the default, or `containers`; `KERBEROS_REALM_IMAGE` names another image than
    /// the default one.
    public static var chosenImage: String? {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            switch environment["KERBEROS_REALM"] ?? "processes" {
            case "processes": return nil
            case "containers": return environment["KERBEROS_REALM_IMAGE"] ?? "mongo-sasl-kdc"
            case let other:
                throw TestSupportError("KERBEROS_REALM is \(other): set it to processes or containers")
            }
        }
    }

    /// What the environment chooses, see ``chosenImage``.
    public static var chosen: KerberosRealm.Backend {
        get throws { try chosenImage.map { .container(image: $0) } ?? .processes }
    }

    /// Whether the environment chooses containers.
    public static var isContainerChosen: Bool {
        ProcessInfo.processInfo.environment["KERBEROS_REALM"] == "containers"
    }
}

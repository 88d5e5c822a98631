import Foundation
package import KerberosTestKit

/// What the realms of this run of the tests are.
///
/// `KERBEROS_REALM` is `processes`, the default, `containers` or `samba`; `KERBEROS_REALM_IMAGE` names another image than
/// the default one.
extension KerberosRealm.Backend {
    private enum Choice: String {
        case processes
        case containers
        case samba
    }

    private static var choice: Choice {
        get throws {
            let word = ProcessInfo.processInfo.environment["KERBEROS_REALM"] ?? Choice.processes.rawValue
            guard let choice = Choice(rawValue: word) else {
                throw TestSupportError("KERBEROS_REALM is \(word): set it to processes, containers or samba")
            }
            return choice
        }
    }

    private static var image: String {
        ProcessInfo.processInfo.environment["KERBEROS_REALM_IMAGE"] ?? "mongo-sasl-kdc"
    }

    /// What the environment chooses.
    package static var chosen: KerberosRealm.Backend {
        get throws {
            switch try choice {
            case .processes: .processes
            case .containers: .container(image: image)
            case .samba: .samba()
            }
        }
    }

    /// The options by which `testrealm` has the same.
    package static var chosenOptions: [String] {
        get throws {
            switch try choice {
            case .processes: []
            case .containers: ["--container", image]
            case .samba: ["--backend", "samba"]
            }
        }
    }

    /// Whether the environment chooses containers.
    package static var isContainerChosen: Bool { (try? choice) == .containers }

    /// Whether the environment chooses an Active Directory domain controller's KDC.
    package static var isSambaChosen: Bool { (try? choice) == .samba }
}

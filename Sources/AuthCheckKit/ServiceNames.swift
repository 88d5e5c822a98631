internal import GSSKerberos

/// SERVICE_NAME, SERVICE_HOST and SERVICE_REALM: the parts of a server's principal.
enum ServiceNames {
    /// Finds a whole principal where one part of it belongs.
    ///
    /// - Returns: The property, its value, and what to write; `nil` if each is one part.
    static func wholePrincipal(
        serviceName: String?, serviceHost: String?
    ) -> (property: String, value: String, advice: String)? {
        for (property, value) in [("SERVICE_NAME", serviceName), ("SERVICE_HOST", serviceHost)] {
            guard let value, value.utf8.contains(UInt8(ascii: "/")) || value.utf8.contains(UInt8(ascii: "@")) else {
                continue
            }
            let halves = value.unicodeScalars.split(separator: "@", maxSplits: 1).map(String.init)
            let names = (halves.first ?? "").unicodeScalars.split(separator: "/", maxSplits: 1).map(String.init)
            let isHost = property == "SERVICE_HOST" && names.count == 1
            let service = isHost ? nil : names.first
            let host = isHost ? names.first : names.dropFirst().first ?? serviceHost
            let realm = halves.dropFirst().first
            let parts = [("SERVICE_NAME", service), ("SERVICE_HOST", host), ("SERVICE_REALM", realm)]
            return (
                property, value, parts.compactMap { name, part in part.map { "\(name):\($0)" } }.joined(separator: ",")
            )
        }
        return nil
    }
}

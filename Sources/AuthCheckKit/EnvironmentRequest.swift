/// A request to check a machine.
package struct EnvironmentRequest: Sendable, Hashable {
    /// The realm whose KDCs are meant; `nil` takes the principal's, or the default one.
    package var realm: String?
    /// The user; `nil` takes the owner of the cache.
    package var principal: String?
    /// Hosts of servers.
    package var hosts: [String]
    /// The cache by its name; `nil` is the default one.
    package var cache: String?
    /// The client keytab; `nil` is the default one.
    package var keytab: String?
    /// The process's environment.
    package var variables: [String: String]

    /// Creates a request.
    package init(
        realm: String? = nil, principal: String? = nil, hosts: [String] = [], cache: String? = nil,
        keytab: String? = nil, variables: [String: String] = [:]
    ) {
        (self.realm, self.principal, self.hosts) = (realm, principal, hosts)
        (self.cache, self.keytab, self.variables) = (cache, keytab, variables)
    }
}

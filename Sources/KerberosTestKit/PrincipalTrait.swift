/// Something special about a principal: what the KDC grants it, and what it refuses.
public struct PrincipalTrait: Sendable, Hashable {
    /// The words for `kadmin`.
    let words: [String]

    private init(_ words: String...) {
        self.words = words
    }

    /// The principal itself is out of date: the KDC answers `KDC_ERR_NAME_EXP`.
    public static let expired = PrincipalTrait("-expire", "yesterday")
    /// Its password is out of date: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    public static let passwordExpired = PrincipalTrait("-pwexpire", "yesterday")
    /// It gets no tickets: the KDC answers `KDC_ERR_CLIENT_REVOKED`.
    public static let locked = PrincipalTrait("-allow_tix")
    /// It gets tickets again after ``locked``.
    public static let unlocked = PrincipalTrait("+allow_tix")
    /// Its password must be changed first: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    public static let needsPasswordChange = PrincipalTrait("+needchange")
    /// It must prove that it knows its key before it gets a ticket, as real realms demand.
    public static let requiresPreauthentication = PrincipalTrait("+requires_preauth")
    /// A service for which nobody gets a ticket: the KDC answers `KDC_ERR_MUST_USE_USER2USER`.
    public static let notAService = PrincipalTrait("-allow_svr")
    /// A service to which the KDC lets clients delegate their tickets.
    public static let okAsDelegate = PrincipalTrait("+ok_as_delegate")
    /// Its tickets cannot be forwarded.
    public static let notForwardable = PrincipalTrait("-allow_forwardable")
    /// Its tickets cannot be renewed.
    public static let notRenewable = PrincipalTrait("-allow_renewable")

    /// Its tickets live no longer than this.
    public static func maximumLifetime(_ lifetime: Duration) -> PrincipalTrait {
        PrincipalTrait("-maxlife", "\(lifetime.components.seconds) seconds")
    }

    /// Its tickets cannot be renewed for longer than this.
    public static func maximumRenewableLifetime(_ lifetime: Duration) -> PrincipalTrait {
        PrincipalTrait("-maxrenewlife", "\(lifetime.components.seconds) seconds")
    }

    /// It has keys of these encryption types only, whatever else the realm uses.
    public static func encryptionTypes(_ types: [String]) -> PrincipalTrait {
        PrincipalTrait("-e", types.map { "\($0):normal" }.joined(separator: ","))
    }

    /// It is subject to a policy of ``KerberosRealm/addPolicy(_:options:)``.
    public static func policy(_ name: String) -> PrincipalTrait {
        PrincipalTrait("-policy", name)
    }
}

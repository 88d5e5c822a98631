/// A trait of a principal: what the KDC grants it, and what it refuses.
///
/// Active Directory has other names for some of them, and lacks others: those are errors with the code `unsupported`.
public struct PrincipalTrait: Sendable, Hashable {
    /// The words for `kadmin`.
    let words: [String]
    /// Its equivalent in Active Directory; `nil` if there is none.
    let directory: Directory?

    /// How an account is changed.
    enum Directory: Sendable, Hashable {
        /// Bits of `userAccountControl`.
        case flags(on: UInt32, off: UInt32)
        /// An attribute.
        case attribute(String, String)
        /// `msDS-SupportedEncryptionTypes`.
        case encryptionTypes([String])
        /// Enabled, and no longer locked out after wrong passwords.
        case unlocked
    }

    private init(_ words: String..., directory: Directory? = nil) {
        self.words = words
        self.directory = directory
    }

    /// The principal has expired: the KDC answers `KDC_ERR_NAME_EXP`; Samba's `KDC_ERR_CLIENT_REVOKED`.
    public static let expired = PrincipalTrait(
        "-expire", "yesterday", directory: .attribute("accountExpires", "1"))
    /// Its password has expired: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    ///
    /// In Active Directory this is the same as ``needsPasswordChange``.
    public static let passwordExpired = PrincipalTrait(
        "-pwexpire", "yesterday", directory: .attribute("pwdLastSet", "0"))
    /// It gets no tickets: the KDC answers `KDC_ERR_CLIENT_REVOKED`. In Active Directory it is disabled.
    public static let locked = PrincipalTrait("-allow_tix", directory: .flags(on: 0x2, off: 0))
    /// It gets tickets again after ``locked``, and with Samba's KDC also after too many wrong passwords.
    public static let unlocked = PrincipalTrait("+allow_tix", directory: .unlocked)
    /// Its password must be changed first: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    public static let needsPasswordChange = PrincipalTrait(
        "+needchange", directory: .attribute("pwdLastSet", "0"))
    /// It must preauthenticate, as in real realms; in Active Directory always.
    public static let requiresPreauthentication = PrincipalTrait(
        "+requires_preauth", directory: .flags(on: 0, off: 0x40_0000))
    /// A service for which no tickets are issued: the KDC answers `KDC_ERR_MUST_USE_USER2USER`.
    public static let notAService = PrincipalTrait("-allow_svr")
    /// A service to which the KDC lets clients delegate their tickets.
    public static let okAsDelegate = PrincipalTrait("+ok_as_delegate", directory: .flags(on: 0x8_0000, off: 0))
    /// Its tickets cannot be forwarded. In Active Directory it is sensitive and cannot be delegated.
    public static let notForwardable = PrincipalTrait(
        "-allow_forwardable", directory: .flags(on: 0x10_0000, off: 0))
    /// Its tickets cannot be renewed.
    public static let notRenewable = PrincipalTrait("-allow_renewable")

    /// The longest lifetime of its tickets.
    public static func maximumLifetime(_ lifetime: Duration) -> PrincipalTrait {
        PrincipalTrait("-maxlife", "\(lifetime.components.seconds) seconds")
    }

    /// Its tickets cannot be renewed for longer than this.
    public static func maximumRenewableLifetime(_ lifetime: Duration) -> PrincipalTrait {
        PrincipalTrait("-maxrenewlife", "\(lifetime.components.seconds) seconds")
    }

    /// It has keys of only these encryption types, whatever else the realm uses.
    ///
    /// With Samba's KDC this is the account's `msDS-SupportedEncryptionTypes`, which determines the encryption
    /// of tickets for it; no types mean no such attribute, which is the default of accounts: RC4.
    public static func encryptionTypes(_ types: [String]) -> PrincipalTrait {
        PrincipalTrait(
            "-e", types.map { "\($0):normal" }.joined(separator: ","), directory: .encryptionTypes(types))
    }

    /// It is subject to a policy of ``KerberosRealm/addPolicy(_:options:)``.
    public static func policy(_ name: String) -> PrincipalTrait {
        PrincipalTrait("-policy", name)
    }
}

/// Something special about a principal: what the KDC grants it, and what it refuses.
///
/// Active Directory knows some of them by other names, and some not at all: those are errors with the code `unsupported`.
public struct PrincipalTrait: Sendable, Hashable {
    /// The words for `kadmin`.
    let words: [String]
    /// What it is to Active Directory; `nil` where it has nothing like it.
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

    /// The principal itself is out of date: the KDC answers `KDC_ERR_NAME_EXP`; Samba's `KDC_ERR_CLIENT_REVOKED`.
    public static let expired = PrincipalTrait(
        "-expire", "yesterday", directory: .attribute("accountExpires", "1"))
    /// Its password is out of date: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    ///
    /// To Active Directory this is the same as ``needsPasswordChange``.
    public static let passwordExpired = PrincipalTrait(
        "-pwexpire", "yesterday", directory: .attribute("pwdLastSet", "0"))
    /// It gets no tickets: the KDC answers `KDC_ERR_CLIENT_REVOKED`. To Active Directory it is disabled.
    public static let locked = PrincipalTrait("-allow_tix", directory: .flags(on: 0x2, off: 0))
    /// It gets tickets again after ``locked``, and after too many wrong passwords where the KDC is Samba's.
    public static let unlocked = PrincipalTrait("+allow_tix", directory: .unlocked)
    /// Its password must be changed first: the KDC answers `KDC_ERR_KEY_EXPIRED`.
    public static let needsPasswordChange = PrincipalTrait(
        "+needchange", directory: .attribute("pwdLastSet", "0"))
    /// It must prove that it knows its key before it gets a ticket, as real realms demand; Active Directory always does.
    public static let requiresPreauthentication = PrincipalTrait(
        "+requires_preauth", directory: .flags(on: 0, off: 0x40_0000))
    /// A service for which nobody gets a ticket: the KDC answers `KDC_ERR_MUST_USE_USER2USER`.
    public static let notAService = PrincipalTrait("-allow_svr")
    /// A service to which the KDC lets clients delegate their tickets.
    public static let okAsDelegate = PrincipalTrait("+ok_as_delegate", directory: .flags(on: 0x8_0000, off: 0))
    /// Its tickets cannot be forwarded. To Active Directory it is sensitive and cannot be delegated.
    public static let notForwardable = PrincipalTrait(
        "-allow_forwardable", directory: .flags(on: 0x10_0000, off: 0))
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
    ///
    /// Where the KDC is Samba's this is the account's `msDS-SupportedEncryptionTypes`, which tells what tickets for it are
    /// encrypted with; no types mean no such attribute, as accounts are that nobody has thought about: RC4.
    public static func encryptionTypes(_ types: [String]) -> PrincipalTrait {
        PrincipalTrait(
            "-e", types.map { "\($0):normal" }.joined(separator: ","), directory: .encryptionTypes(types))
    }

    /// It is subject to a policy of ``KerberosRealm/addPolicy(_:options:)``.
    public static func policy(_ name: String) -> PrincipalTrait {
        PrincipalTrait("-policy", name)
    }
}

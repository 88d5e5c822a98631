/// The findings of a keytab check. The names are stable: names are only added.
package enum KeytabFindingCode: String, Sendable, Hashable, CaseIterable, Encodable {
    // The file.
    /// There is no such file.
    case fileMissing = "file-missing"
    /// The file is not readable, or reading it failed.
    case fileUnreadable = "file-unreadable"
    /// The file is not a keytab.
    case notAKeytab = "not-a-keytab"
    /// The keytab has no entry.
    case keytabEmpty = "keytab-empty"
    /// The keytab ends in the middle of an entry.
    case keytabDamaged = "keytab-damaged"
    /// Users other than its owner may read the file.
    case readableByOthers = "readable-by-others"
    /// Users other than its owner may write to the file.
    case writableByOthers = "writable-by-others"
    // mongod.conf.
    /// `mongod.conf` cannot be read.
    case configurationUnreadable = "configuration-unreadable"
    /// `mongod.conf` may set a name in a way that is not understood.
    case configurationPartlyRead = "configuration-partly-read"
    /// An option differs from `mongod.conf`.
    case namesDiffer = "names-differ"
    // The entries.
    /// There are keys of the service, on other hosts only.
    case wrongHost = "wrong-host"
    /// There are keys of the host, of other services only.
    case serviceMissing = "service-missing"
    /// There are keys of other principals only.
    case principalMissing = "principal-missing"
    /// The key is of another realm than the configured one.
    case otherRealm = "other-realm"
    /// There are keys of the principal in several realms.
    case severalRealms = "several-realms"
    /// The newest keys are all of weak types.
    case weakEncryption = "weak-encryption"
    /// There are different keys under one name, version and type.
    case conflictingKeys = "conflicting-keys"
    /// There is the same key more than once.
    case duplicateKeys = "duplicate-keys"
    /// There are keys of older versions besides the newest.
    case olderVersions = "older-versions"
    // The KDC.
    /// The KDC does not know the principal.
    case serviceUnknown = "service-unknown"
    /// No KDC answers.
    case kdcUnreachable = "kdc-unreachable"
    /// The clocks differ too much.
    case clockSkew = "clock-skew"
    /// The deadline passed.
    case deadline
    /// Any other failure of Kerberos.
    case kerberos
    /// There is no ticket to try the keytab with.
    case proofNotMade = "proof-not-made"
    // The key.
    /// The KDC's key is newer than the keytab's.
    case oldKeyVersion = "old-key-version"
    /// The KDC's key is older than the keytab's.
    case newerKeyVersion = "newer-key-version"
    /// The keytab has no key of the type that the KDC uses.
    case encryptionTypeMissing = "encryption-type-missing"
    /// This machine does not permit the type that the KDC uses.
    case encryptionTypeNotPermitted = "encryption-type-not-permitted"
    /// The key is not the KDC's.
    case wrongKey = "wrong-key"
    // The host's names.
    /// The server's host has no address.
    case hostUnresolved = "host-unresolved"
    /// The server's host is an alias.
    case hostAlias = "host-alias"
    /// An address of the server's host belongs to another name.
    case reverseMismatch = "reverse-mismatch"
}

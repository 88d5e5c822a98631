extension KerberosRealm {
    /// The configuration of a test realm. The default is a working realm.
    public struct Configuration: Sendable {
        /// The realm's name, in capitals by convention.
        public var realm: String
        /// The lifetime of a ticket unless the client asks for another one.
        public var ticketLifetime: Duration
        /// The longest lifetime that the KDC grants.
        public var maximumLifetime: Duration
        /// How long a renewable ticket can be renewed.
        public var maximumRenewableLifetime: Duration
        /// How far the clocks of client and server may differ.
        public var clockSkew: Duration
        /// The only encryption types that clients, servers and the KDC of the realm use, the best one first, such as
        /// `["aes256-cts-hmac-sha384-192"]`; empty means the default of MIT Kerberos.
        public var encryptionTypes: [String]
        /// Further lines for the `[libdefaults]` section of `krb5.conf`, such as `"forwardable = true"`.
        ///
        /// They come before the kit's own lines, and the library uses the first value of a setting.
        public var libdefaults: [String]
        /// Further lines for this realm's part of the `[realms]` section of `krb5.conf`.
        public var realmLines: [String]
        /// Further lines for this realm's part of `kdc.conf`, such as `"default_principal_flags = +preauth"`.
        ///
        /// They come before the kit's own lines, and the library uses the first value of a setting. With Samba they are
        /// lines for the global part of `smb.conf`, and come after the kit's, as Samba uses the last value.
        public var kdcLines: [String]
        /// Whole further realms for `krb5.conf`: name to lines.
        public var otherRealms: [String: [String]]
        /// The `[domain_realm]` section of `krb5.conf`: host or `.domain` to realm.
        public var domainRealm: [String: String]
        /// Whole further sections of `krb5.conf`, name to lines, such as `["capaths": ["A.TEST = {", ..]]`.
        public var sections: [String: [String]]
        /// The folder in which the realm's own folder is made; `nil` means `TMPDIR`, or `/tmp`.
        public var parentFolder: String?
        /// The KDC: MIT's as a separate process or in a container, or Samba's.
        public var backend: Backend

        /// By default a realm `EXAMPLE.TEST` with tickets of ten hours.
        public init(
            realm: String = "EXAMPLE.TEST",
            ticketLifetime: Duration = .seconds(10 * 3600),
            maximumLifetime: Duration = .seconds(24 * 3600),
            maximumRenewableLifetime: Duration = .seconds(7 * 24 * 3600),
            clockSkew: Duration = .seconds(300),
            encryptionTypes: [String] = [],
            libdefaults: [String] = [],
            realmLines: [String] = [],
            kdcLines: [String] = [],
            otherRealms: [String: [String]] = [:],
            domainRealm: [String: String] = [:],
            sections: [String: [String]] = [:],
            parentFolder: String? = nil,
            backend: Backend = .processes
        ) {
            self.realm = realm
            self.ticketLifetime = ticketLifetime
            self.maximumLifetime = maximumLifetime
            self.maximumRenewableLifetime = maximumRenewableLifetime
            self.clockSkew = clockSkew
            self.encryptionTypes = encryptionTypes
            self.libdefaults = libdefaults
            self.realmLines = realmLines
            self.kdcLines = kdcLines
            self.otherRealms = otherRealms
            self.domainRealm = domainRealm
            self.sections = sections
            self.parentFolder = parentFolder
            self.backend = backend
        }

        /// Refuses what would break the lines of a configuration file or the arguments of a program.
        func validate() throws(KerberosTestKitError) {
            let lines =
                libdefaults + realmLines + kdcLines + otherRealms.flatMap { [$0.key] + $0.value }
                + domainRealm.flatMap { [$0.key, $0.value] } + sections.flatMap { [$0.key] + $0.value }
            for line in lines where line.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) {
                throw KerberosTestKitError(
                    .invalidArgument,
                    "a line for krb5.conf or kdc.conf holds a control character: give one line per element")
            }
            for type in encryptionTypes where type.isEmpty || !type.utf8.allSatisfy(Self.isOfTypeName) {
                throw KerberosTestKitError(
                    .invalidArgument, "\(type.debugDescription) cannot be the name of an encryption type")
            }
            let nameCharacters = realm.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/@:={}\"\\#".utf8.contains($0) }
            guard !realm.isEmpty, nameCharacters, !realm.hasPrefix("-"), realm.utf8.count <= 255 else {
                throw KerberosTestKitError(.invalidArgument, "\(realm.debugDescription) cannot be a realm's name")
            }
            for duration in [ticketLifetime, maximumLifetime, maximumRenewableLifetime, clockSkew]
            where duration < .seconds(1) || duration > .seconds(Int32.max) {
                throw KerberosTestKitError(.invalidArgument, "a lifetime must be between one second and 68 years")
            }
            if let samba = backend.samba { try validate(samba) }
        }

        /// Refuses what Active Directory does not have.
        private func validate(_ samba: Backend.Samba) throws(KerberosTestKitError) {
            let labels = realm.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            let areCapitals = labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                    && label.allSatisfy {
                        Self.isOfTypeName($0) && !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    }
            }
            guard labels.count > 1, areCapitals else {
                throw KerberosTestKitError(
                    .invalidArgument,
                    "\(realm.debugDescription) cannot be a realm of Active Directory, which is a DNS domain in capitals with "
                        + "two labels or more: choose a name such as EXAMPLE.TEST")
            }
            let domain = netbiosDomain(samba)
            guard (1...15).contains(domain.utf8.count), domain.utf8.allSatisfy(Self.isOfTypeName),
                domain.utf8.first != UInt8(ascii: "-"), domain != realm
            else {
                throw KerberosTestKitError(
                    .invalidArgument,
                    "\(domain.debugDescription) cannot be a NetBIOS domain, which has 15 letters, digits and hyphens at most: "
                        + "give one with .samba(domain:)")
            }
            for lifetime in [maximumLifetime, maximumRenewableLifetime] where lifetime.components.seconds % 3600 != 0 {
                throw KerberosTestKitError(
                    .unsupported, "Samba's KDC supports maximum lifetimes of whole hours only; this is \(lifetime)")
            }
            _ = try DirectoryChange.encryptionBits(encryptionTypes)
        }

        /// The domain's NetBIOS name.
        func netbiosDomain(_ samba: Backend.Samba) -> String {
            samba.domain ?? realm.unicodeScalars.split(separator: ".").first.map(String.init) ?? realm
        }

        /// Letters, digits and hyphens: the characters of all names of encryption types.
        private static func isOfTypeName(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

internal import GSSKerberos
internal import ShellWords

/// The names of one keytab and its server, for sentences and for a shell.
struct KeytabWords: Sendable {
    /// The file as a command's operand.
    let path: String
    /// The expected principal, as a command's operand.
    let principal: String
    /// `kadmin` with a query that creates a new key and adds it to the keytab.
    let addKey: String
    /// `kadmin` with a query that creates the principal.
    let addPrincipal: String
    /// `kadmin` with a query that shows the principal.
    let showPrincipal: String
    /// `kadmin` with a query that removes all keys but the newest from the keytab.
    let removeOldKeys: String
    /// Whether a name is too long to be shown in full.
    let isCut: Bool
    /// For the advice on errors of Kerberos.
    let names: Evidence.Names

    private let exportKeytab: String
    private let isPrincipalKnown: Bool

    init(_ evidence: KeytabEvidence) {
        isCut = [evidence.path, evidence.principal].contains { KeytabReport.cut($0) != $0 }
        path = DiagnosisWords.operand(KeytabReport.cut(evidence.path))
        let name = DiagnosisWords.withoutOption(KeytabReport.cut(evidence.principal))
        isPrincipalKnown = !evidence.host.value.isEmpty
        let file = KeytabReport.cut(evidence.path)
        principal = ShellWord.quoted(name)
        addKey = DiagnosisWords.kadmin("ktadd -k", [file, isPrincipalKnown ? name : "SERVICE/HOST"])
        addPrincipal = DiagnosisWords.kadmin("addprinc -randkey", [name])
        removeOldKeys = DiagnosisWords.kadmin("ktremove -k", [file, name, "old"])
        showPrincipal = DiagnosisWords.kadmin("getprinc", [name])
        exportKeytab = "samba-tool domain exportkeytab \(path) --principal=\(principal)"
        var names = Evidence.Names()
        (names.service, names.host, names.keytab) = (evidence.principal, evidence.host.value, evidence.path)
        self.names = names
    }

    /// How to get a keytab with the current key.
    var newKeySteps: [Diagnosis.Step] {
        [
            .init(
                "have the KDC's administrator create a new key and add it to the keytab; other keytabs with this "
                    + "principal are then out of date", command: addKey),
            .init(
                "in Active Directory recreate the keytab with `ktpass`, for the account that has the service's name; in a "
                    + "domain of Samba", command: exportKeytab),
        ]
    }

    /// A few principals as part of a sentence.
    static func list(_ principals: [String]) -> String {
        var seen: Set<ByteText> = []
        let unique = principals.filter { seen.insert(ByteText($0)).inserted }
        let shown = unique.prefix(3).map { name in
            name.utf8.count > 200 ? String(decoding: name.utf8.prefix(200), as: UTF8.self) + "…" : name
        }
        let more = unique.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}

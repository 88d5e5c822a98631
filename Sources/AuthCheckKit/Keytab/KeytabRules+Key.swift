internal import GSSKerberos

/// Whether the keytab's key is the KDC's current one.
extension KeytabRules {
    /// A ticket was not accepted: why, by the keytab's entries and the ticket's key.
    static let key: Rule = { evidence, words in
        guard case .refused(let trouble) = evidence.proof, let ticket = evidence.ticket?.ticket else { return [] }
        if let skew = clockSkew(evidence, trouble) { return [skew] }
        let newest = evidence.newestVersion ?? 0
        let version = ticket.keyVersion ?? 0
        let type = ticket.encryptionType ?? "an unknown type"
        func found(_ code: KeytabFindingCode, _ cause: String, _ steps: [Diagnosis.Step]) -> [Finding] {
            [error(code, .kerberos, .server, cause, steps, trouble)]
        }
        if !evidence.hasVersion(version) {
            return version > newest
                ? found(
                    .oldKeyVersion,
                    "the keytab is old: the KDC encrypts tickets for \(evidence.principal) with key version \(version), and the keytab "
                        + "has no version above \(newest)", words.newKeySteps)
                : found(
                    .newerKeyVersion,
                    "the KDC encrypts tickets for \(evidence.principal) with key version \(version), and the keytab has version "
                        + "\(newest): the principal was recreated, or this KDC does not have the newest key yet",
                    [.init("see which version the KDC has, and its replicas", command: words.showPrincipal)]
                        + words.newKeySteps)
        }
        if !evidence.hasKey(version, type) {
            let types = KeytabWords.list(evidence.keys.filter { $0.keyVersion == version }.map(\.encryptionType))
            return found(
                .encryptionTypeMissing,
                "the KDC encrypts tickets for \(evidence.principal) with \(type), and the keytab has version \(version) only of "
                    + types, words.newKeySteps)
        }
        switch trouble.code {
        case "KRB5_NOPERM_ETYPE", "KRB5_PROG_ETYPE_NOSUPP", "KRB5_BAD_ENCTYPE", "KRB5KDC_ERR_ETYPE_NOSUPP":
            return found(
                .encryptionTypeNotPermitted,
                "this machine's Kerberos does not permit \(type), which the ticket is encrypted with and the keytab has",
                [
                    .init("give the service's account AES keys, and create a new keytab"),
                    .init("or permit the type in krb5.conf: permitted_enctypes, allow_rc4"),
                ])
        case "KRB5KRB_AP_ERR_BAD_INTEGRITY", "KRB5KRB_AP_ERR_MODIFIED", "KRB5KRB_AP_WRONG_PRINC",
            "KRB5KRB_AP_ERR_NOKEY",
            "KRB5KRB_AP_ERR_BADKEYVER", "KRB5_KT_KVNONOTFOUND", "KRB5_KT_NOTFOUND":
            return found(
                .wrongKey,
                "the keytab's key of version \(version) is not the KDC's, although the version is the same: the principal "
                    + "was recreated, or has another password", words.newKeySteps)
        default:
            return [kerberos(trouble, words)]
        }
    }

    /// There is no ticket: the KDC's answer, or why no KDC could be asked.
    static let ticket: Rule = { evidence, words in
        guard evidence.keytab != nil, evidence.ticket == nil, !evidence.entries.isEmpty else { return [] }
        guard evidence.realm != nil else {
            return evidence.realms.isEmpty
                ? [] : [notMade(evidence, "no realm is known", [.init("set default_realm in krb5.conf")])]
        }
        let troubles = [evidence.keytabTicketTrouble, evidence.cacheTrouble].compactMap(\.self)
        // A deadline has been reported already.
        guard let trouble = troubles.first, !troubles.contains(where: \.isDeadline) else { return [] }
        if let skew = clockSkew(evidence, trouble) { return [skew] }
        if evidence.keys.isEmpty {
            // Still asked for: whether the KDC knows the principal is informative, but not the problem.
            return []
        }
        guard evidence.keytabTicketTrouble != nil else {
            return trouble.code == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"
                ? [unknown(evidence, words, trouble)] : [kerberos(trouble, words)]
        }
        switch trouble.code {
        case "KRB5KDC_ERR_PREAUTH_FAILED", "KRB5_PREAUTH_FAILED", "KRB5KRB_AP_ERR_BAD_INTEGRITY",
            "KRB5KRB_AP_ERR_MODIFIED":
            return [
                error(
                    .wrongKey, .kerberos, .server,
                    "the key of \(evidence.principal) in the keytab (version \(evidence.newestVersion ?? 0)) is not the one that the "
                        + "KDC has: it is older, or from another password",
                    words.newKeySteps + [
                        .init(
                            "to see which version the KDC has, run `kinit` as any user of the realm and then this check again"
                        )
                    ], trouble)
            ]
        default:
            let advice = trouble.error.map { Verdict(KerberosFailure($0), names: words.names) }
            if let advice, [.kdcUnreachable, .clockSkew].contains(advice.class) { return [kerberos(trouble, words)] }
            return [
                notMade(
                    evidence, reason(evidence, trouble),
                    [.init("run `kinit` as any user of the realm, and then this check again")], trouble)
            ]
        }
    }

    private static func reason(_ evidence: KeytabEvidence, _ trouble: KeytabEvidence.Trouble) -> String {
        let cache = evidence.cacheTrouble.map { "there is no user's ticket (\(cut($0.message))), and " } ?? ""
        return switch trouble.code {
        case "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN":
            "\(cache)the KDC does not let \(evidence.principal) log in: either it does not know it, or it is a service's "
                + "name of Active Directory, which cannot log in"
        case "KRB5KDC_ERR_CLIENT_REVOKED", "KRB5KDC_ERR_NAME_EXP", "KRB5KDC_ERR_KEY_EXP", "KRB5KDC_ERR_POLICY":
            "\(cache)the KDC does not let \(evidence.principal) log in (\(cut(trouble.message)))"
        default: "\(cache)with the keytab's own key there is none either (\(cut(trouble.message)))"
        }
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count > 300 ? String(decoding: text.utf8.prefix(300), as: UTF8.self) + "…" : text
    }

    private static func notMade(
        _ evidence: KeytabEvidence, _ reason: String, _ steps: [Diagnosis.Step],
        _ trouble: KeytabEvidence.Trouble? = nil
    ) -> Finding {
        warning(
            .proofNotMade, .user, "whether the KDC's key is the keytab's was not proven: \(reason)", steps, trouble)
    }

    private static func unknown(
        _ evidence: KeytabEvidence, _ words: KeytabWords, _ trouble: KeytabEvidence.Trouble
    ) -> Finding {
        var steps = [
            Diagnosis.Step(
                "check the service's and the host's name; if they are right, have the principal created",
                command: words.addPrincipal)
        ]
        steps += words.newKeySteps
        steps.append(
            .init(
                "in Active Directory exactly one account must have that name: see `setspn -Q` with it, without the realm"
            ))
        return error(
            .serviceUnknown, .serviceUnknown, .kdc,
            "the KDC does not know \(evidence.principal), or does not issue tickets for it, although the keytab has a key of it",
            steps,
            trouble)
    }

    /// Differing clocks, if that can be the cause of a problem: as measured, or as reported by Kerberos.
    private static func clockSkew(_ evidence: KeytabEvidence, _ trouble: KeytabEvidence.Trouble) -> Finding? {
        guard let error = trouble.error else { return nil }
        let failure = KerberosFailure(error)
        guard failure.dependsOnClocks else { return nil }
        let advice = Verdict(failure)
        let offset = evidence.clockOffset
        guard advice.class == .clockSkew || (offset?.magnitude ?? .zero) > evidence.allowedClockSkew else { return nil }
        return Self.error(
            .clockSkew, .clockSkew, .thisMachine,
            offset.map { ClockText.sentence($0, other: "the KDC's") + ", which is more than Kerberos allows" }
                ?? "the clocks of this machine and of the KDC differ by more than Kerberos allows",
            [.init("synchronize both", command: "timedatectl status")],
            trouble)
    }
}

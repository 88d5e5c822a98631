internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import NameResolution

/// Gets a ticket for the service, as clients do, and accepts it with the keytab, as the server does. All of it on this
/// machine: nothing listens, and no ticket is kept.
struct KeytabProof: Sendable {
    let deadline: ContinuousClock.Instant

    /// A ticket, and the credential to use it with.
    private struct Found: Sendable {
        var ticket: KeytabEvidence.Ticket
        var credential: KerberosCredential
    }

    func make(_ evidence: inout KeytabEvidence) async {
        let principal = evidence.principal
        let keytab = KerberosKeytab.name(ofFile: evidence.path)
        guard let found = await ticket(&evidence, keytab) else {
            let troubles = [evidence.cacheTrouble, evidence.keytabTicketTrouble].compactMap(\.self)
            return await measureClock(&evidence, troubles)
        }
        evidence.ticket = found.ticket
        guard !evidence.keys.isEmpty else { return }
        let outcome = await KeytabCheck.read(by: deadline, "the keytab \(evidence.path)") {
            try Self.accept(found.credential, as: principal, keytab: keytab)
        }
        switch outcome {
        case .success: evidence.proof = .accepted
        case .failure(let error):
            evidence.proof = .refused(error.trouble)
            await measureClock(&evidence, [error.trouble])
        }
    }

    // MARK: - The ticket

    private func ticket(_ evidence: inout KeytabEvidence, _ keytab: String) async -> Found? {
        let principal = evidence.principal
        do throws(KeytabEvidence.TroubleError) {
            return try await ask(evidence) {
                let cache = try KerberosCredentialCache.copy(from: nil, user: nil)
                guard !cache.needsGSSAPI else {
                    throw KeytabEvidence.TroubleError(
                        trouble: .init(message: "only GSS-API can use the tickets of \(cache.principal)"))
                }
                // The ticket in the cache may be for an older key.
                let credential = try cache.freshCredential(for: .principal(principal))
                return try Self.found(.cache, cache, credential)
            }
        } catch {
            evidence.cacheTrouble = error.trouble
            guard !evidence.keys.isEmpty, Self.isAboutUser(error.trouble, principal) else { return nil }
        }
        for client in Self.clients(evidence) {
            do throws(KeytabEvidence.TroubleError) {
                let found = try await ask(evidence) {
                    let cache = try KerberosCredentialCache.request(user: client, keytab: keytab)
                    return try Self.found(.keytab, cache, cache.credential(for: .principal(principal)))
                }
                evidence.keytabTicketTrouble = nil
                return found
            } catch {
                // The KDC's answer about the service's own name comes first.
                if evidence.keytabTicketTrouble == nil { evidence.keytabTicketTrouble = error.trouble }
                guard error.trouble.code == "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN" else { return nil }
            }
        }
        return nil
    }

    /// Who may log in with the keytab: the service itself, and if that name cannot log in, like all of Active
    /// Directory's names except an account's own, the account whose key is also there.
    private static func clients(_ evidence: KeytabEvidence) -> [String] {
        let realm = evidence.realm
        let account = evidence.entries.first { $0.components.count == 1 && isSameText($0.realm, realm) }
        return [evidence.principal] + [account?.principal].compactMap(\.self)
    }

    /// Whether it is about the user who runs the check, so that the keytab's key may succeed.
    private static func isAboutUser(_ trouble: KeytabEvidence.Trouble, _ principal: String) -> Bool {
        guard let error = trouble.error else { return !trouble.isDeadline }
        let advice = Verdict(KerberosFailure(error))
        if [.noCredentials, .credentialsRejected].contains(advice.class) { return true }
        // The user's realm has no trust path to the service's.
        return DiagnosisWords(error, .init(service: principal)).missingTrust != nil
    }

    private static func found(
        _ origin: KeytabEvidence.Ticket.Origin, _ cache: KerberosCredentialCache, _ credential: KerberosCredential
    ) throws -> Found {
        guard let ticket = credential.ticket else {
            throw GSSError(call: "krb5_get_credentials", major: GSSMajorStatus(.noCredential))
        }
        return Found(
            ticket: .init(origin: origin, client: ticket.client, cache: cache.origin, ticket: ticket),
            credential: credential)
    }

    private func ask(
        _ evidence: KeytabEvidence, _ body: @escaping @Sendable () throws -> Found
    ) async throws(KeytabEvidence.TroubleError) -> Found {
        let (principal, realm) = (evidence.principal, evidence.realm ?? "")
        // Without a key to prove, the KDC's answer is only informative.
        let end = evidence.keys.isEmpty ? min(deadline, .now + .seconds(2)) : deadline
        do {
            return try await BlockingWorkers.kdcs.run(
                by: end, waitingFor: "a KDC of \(realm) for a ticket for \(principal)", body)
        } catch let error as KeytabEvidence.TroubleError {
            throw error
        } catch {
            throw KeytabEvidence.TroubleError(trouble: KeytabEvidence.Trouble(error))
        }
    }

    // MARK: - Its acceptance

    /// Both sides of a context, one after the other. There is no replay cache: no other program sees these tokens.
    private static func accept(
        _ credential: KerberosCredential, as principal: String, keytab: String
    ) throws(GSSError) {
        guard let ticket = credential.ticket else { return }
        let initiator = try KerberosProvider(credential: credential).makeInitiator(
            target: .principal(ticket.server), flags: [.mutualAuthentication, .integrity])
        let store = KerberosCredentialStore(keytab: keytab, replayCache: "none:")
        let server = try KerberosCredential(name: .principal(principal), usage: .accept, store: store)
        switch try initiator.step(nil) {
        case .established: throw unproven("the client's side expects no answer")
        case .pending(let pending, let token):
            let proof: [UInt8]?
            switch try KerberosProvider(credential: server).makeAcceptor().step(token) {
            case .established(_, let answer): proof = answer
            case .pending: throw unproven("the server's side needs another token")
            }
            switch try pending.step(proof) {
            case .established: return
            case .pending: throw unproven("the client's side needs another token")
            }
        }
    }

    private static func unproven(_ message: String) -> GSSError {
        GSSError(call: "gss_accept_sec_context", major: GSSMajorStatus(.failure), majorMessages: [message])
    }

    // MARK: - Clocks

    /// Asks for the KDC's clock if that may be the cause of one of the problems.
    private func measureClock(_ evidence: inout KeytabEvidence, _ troubles: [KeytabEvidence.Trouble]) async {
        let isAboutTime = troubles.contains { trouble in
            trouble.error.map { KerberosFailure($0).dependsOnClocks } == true
        }
        guard isAboutTime else { return }
        let principal = evidence.principal
        evidence.clockOffset = try? await BlockingWorkers.namesAndFiles.run(
            by: min(deadline, .now + .seconds(5)), waitingFor: "a KDC's clock"
        ) { try KerberosClock.offsetOfKDC(for: principal) }
    }
}

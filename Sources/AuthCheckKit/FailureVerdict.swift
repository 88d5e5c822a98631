internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import SASL

/// What is known around a failure, for the names in its hint and for a closer look at its cause.
struct FailureSurroundings: Sendable {
    /// The names of the user, the service and the files.
    var names = KerberosAdvice.Names()
    /// What Kerberos has on this machine.
    var inspection: KerberosInspection?
    /// The ticket that the server was shown.
    var serviceTicket: KerberosTicket?
    /// How far the clock of the user's KDC is ahead of this machine's.
    var kdcClockOffset: Duration?
    /// How far the server's clock is ahead of this machine's.
    var serverClockOffset: Duration?
    var allowedClockSkew: Duration { inspection?.allowedClockSkew ?? .seconds(300) }
}

extension CheckReport.Failure {
    /// What an error is, and what to do about it.
    struct Verdict {
        var `class`: FailureClass
        var hint: String?
        /// What the error's own message does not say.
        var addition = ""
        var kerberos: CheckReport.KerberosError?
        var clockOffset: Duration?

        init(_ error: any Error, _ surroundings: FailureSurroundings) {
            switch error {
            case let error as TransportError:
                self.init(
                    Self.classify(error), CheckReport.Failure.hint(for: error))
            case let error as MongoAuthError:
                self.init(error, surroundings)
            case let error as SeedlistError:
                self.init(Self.classify(error), CheckReport.Failure.hint(for: error))
            case is CancellationError:
                self.init(.deadline)
            default:
                self.init(.internal)
            }
        }

        private init(_ failureClass: FailureClass, _ hint: String? = nil) {
            self.class = failureClass
            self.hint = hint
        }

        private init(_ error: MongoAuthError, _ surroundings: FailureSurroundings) {
            switch error.code {
            case .invalidCredential: self.init(.usage)
            case .refused: self.init(refusedWith: surroundings)
            case .mechanismUnavailable: self.init(.mechanismUnavailable)
            case .unsupportedMechanism:
                self.init(
                    .mechanismUnavailable,
                    "the connection string is as the specification has it, and drivers can have this mechanism: name another one "
                        + "here")
            case .malformedReply, .conversationMismatch, .tooManySteps: self.init(.protocol)
            case .helloRefused:
                self.init(.protocol, CheckReport.Failure.hint(forRefusedHello: error.underlying as? CommandFailure))
            case .notLoadBalanced:
                self.init(
                    .protocol, "leave out loadBalanced=true, or name the load balancer in place of the server behind it"
                )
            case .identityNotTold:
                self.init(
                    .protocol,
                    "nothing tells whether the authentication has succeeded: the mechanism proves nothing of it")
            case .arbiter:
                self.init(
                    .mechanismUnavailable,
                    "name a member of the replica set that has data. An arbiter beside such members is left out where one of them "
                        + "lists it by this name")
            case .deadlineExceeded: self.init(.deadline)
            case .serverNotProven: self.init(unprovenBy: error, surroundings)
            case .kerberos: self.init(kerberos: error, surroundings)
            case .sasl: self.init(sasl: error.underlying as? SaslError)
            default: self.init(.internal)
            }
        }

        private init(sasl error: SaslError?) {
            self.init(Self.classify(error))
            guard error?.code == .sizeWithoutLayer else { return }
            hint =
                "other clients accept such a server; those of GNU SASL, of Dovecot and of the JDK are like that. "
                + "`--tolerate size-without-layer` does, too"
        }

        /// A failure before any token has gone to the server: it is between this machine and the KDC.
        private init(kerberos error: MongoAuthError, _ surroundings: FailureSurroundings) {
            self.init(.kerberos)
            guard var failure = KerberosFailure(error) else {
                self.class = Self.classify(error.underlying as? KerberosCredentialError)
                return
            }
            var names = surroundings.names
            names.clockOffset = surroundings.kdcClockOffset
            var advice = KerberosAdvice(failure, names: names)
            if let problem = surroundings.inspection?.problem,
                advice.class == .noCredentials || problem.call == "krb5_init_context"
            {
                failure = KerberosFailure(problem)
                advice = KerberosAdvice(failure, names: names)
                if !error.message.contains(problem.message) { addition = "; \(problem.message)" }
            }
            self.class = advice.class
            hint = advice.hint
            kerberos = CheckReport.KerberosError(failure)
            switch advice.class {
            case .serverNotProven:
                // No server was asked for anything yet: what does not decrypt is an answer of the KDC.
                self.class = .credentialsRejected
                hint =
                    "the KDC and the credential cache do not share a key any more: get new tickets with "
                    + "`kinit \(names.user.map(KerberosHintWords.principal) ?? "USER@REALM")`"
            case .refused:
                // Nor has a server refused: it is the KDC that cannot read the ticket-granting ticket.
                self.class = .kerberos
                hint =
                    "the KDC's own key is not that of the ticket-granting ticket any more: get new tickets with "
                    + "`kinit \(names.user.map(KerberosHintWords.principal) ?? "USER@REALM")`"
            default: break
            }
            if advice.dependsOnClocks, let offset = surroundings.kdcClockOffset {
                clockOffset = offset
                // To a clock that is wrong a good ticket is expired, or not valid yet.
                guard offset.magnitude > surroundings.allowedClockSkew else { return }
                self.class = .clockSkew
                hint = KerberosAdvice.hint(forClockOffset: offset)
            }
        }

        /// A server may answer a token with a Kerberos error of its own. Nothing proves its words: they are told as its words,
        /// and make the matter no milder. What this side has found by itself counts.
        private init(unprovenBy error: MongoAuthError, _ surroundings: FailureSurroundings) {
            self.init(.serverNotProven)
            guard let failure = KerberosFailure(error) else { return }
            kerberos = CheckReport.KerberosError(failure)
            var names = surroundings.names
            names.clockOffset = surroundings.kdcClockOffset
            let advice = KerberosAdvice(failure, names: names)
            switch advice.class {
            case .credentialsRejected where failure.error.major.routineError == .contextExpired:
                // The ticket ran out on the way.
                (self.class, hint) = (.credentialsRejected, advice.hint)
            case .clockSkew:
                if let offset = surroundings.kdcClockOffset, offset.magnitude > surroundings.allowedClockSkew {
                    (self.class, clockOffset) = (.clockSkew, offset)
                    hint = advice.hint.map {
                        "\($0); until then do not send data to this server: it has proven nothing"
                    }
                } else {
                    hint = Self.claim("its clock and this machine's differ by more than Kerberos allows", advice.hint)
                }
            case .refused:
                hint = Self.claim("it does not have the key of the ticket", advice.hint)
            default: break
            }
        }

        private static func claim(_ claim: String, _ advice: String?) -> String {
            "do not send data to this server: it proves nothing. It says, and nobody vouches for that, that \(claim)"
                + (advice.map { ". If that is true: \($0)" } ?? "")
        }

        /// Servers do not say why they refuse; the clocks and the ticket tell what is likely.
        private init(refusedWith surroundings: FailureSurroundings) {
            self.init(.refused)
            guard let service = surroundings.names.service else { return }
            if let offset = surroundings.serverClockOffset, offset.magnitude > surroundings.allowedClockSkew {
                self.class = .clockSkew
                clockOffset = offset
                hint = KerberosAdvice.hint(forClockOffset: offset)
                return
            }
            let user = surroundings.names.user ?? "this principal"
            let key = surroundings.serviceTicket.map { ticket in
                [ticket.keyVersion.map { " of version \($0)" }, ticket.encryptionType.map { " (\($0))" }]
                    .compactMap(\.self).joined()
            }
            hint =
                "the server's log has the reason. Frequent ones: no user \(user) is created on $external"
                + (Self.otherCapitals(of: user).map {
                    " (\($0), perhaps: Active Directory takes a name in any capitals, and the server does not)"
                } ?? "") + ", or the "
                + "server's keytab does not hold the current key of its principal: `klist -ket KEYTAB` on "
                + "\(surroundings.names.host ?? "the server") must list \(service)"
                + (key.map { " with a key\($0)" } ?? "")
        }

        /// A principal whose name has capitals, with small letters instead; the realm stays.
        private static func otherCapitals(of user: String) -> String? {
            let name = user.utf8.prefix { $0 != UInt8(ascii: "@") }
            let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
            guard name.contains(where: { capitals ~= $0 }), !name.contains(UInt8(ascii: "/")) else { return nil }
            let bytes = name.map { capitals ~= $0 ? $0 | 0x20 : $0 } + Array(user.utf8.dropFirst(name.count))
            return String(decoding: bytes, as: UTF8.self)
        }

        private static func classify(_ error: TransportError) -> FailureClass {
            switch error.code {
            case .nameResolution: .dns
            case .connect: .connect
            case .tls: .tls
            case .deadlineExceeded: .deadline
            // A connection that was open and is not any more: whoever is there does not speak as it should.
            default: .protocol
            }
        }

        private static func classify(_ error: SeedlistError) -> FailureClass {
            switch error.code {
            case .deadlineExceeded: .deadline
            case .conflictingOptions: .usage
            default: .dns
            }
        }

        private static func classify(_ error: KerberosCredentialError?) -> FailureClass {
            switch error?.code {
            case .noCredentials?, .wrongUser?: .noCredentials
            case .rejected?: .credentialsRejected
            case .kdcTimeout?, .deadlineExceeded?: .deadline
            case .invalidService?: .usage
            case .noWorker?: .internal
            default: .kerberos
            }
        }

        private static func classify(_ error: SaslError?) -> FailureClass {
            switch error?.code {
            case .securityLayer?, .sizeWithoutLayer?: .securityLayer
            case .invalidConfiguration?: .usage
            case .malformedChallenge?, .unexpectedChallenge?, .missingChallenge?, .tooLarge?: .protocol
            case .mechanismFailure?: .kerberos
            default: .internal
            }
        }
    }
}

extension Duration {
    /// Its size, whatever its sign.
    var magnitude: Duration { self < .zero ? .zero - self : self }
}

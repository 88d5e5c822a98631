extension Rule {
    /// With a wrong clock a valid ticket looks expired, or not valid yet.
    private static let aboutTime = [
        "kerberos.KRB5KRB_AP_ERR_SKEW", "kerberos.KRB5_KDCREP_SKEW", "kerberos.KRB5KRB_AP_ERR_TKT_EXPIRED",
        "kerberos.KRB5KRB_AP_ERR_TKT_NYV", "unproven.KRB5KRB_AP_ERR_SKEW",
    ]

    private static let here: Diagnosis.Step = .see("synchronize this machine's clock", "timedatectl set-ntp true")
    private static let look: Diagnosis.Step = .see("see whether it is synchronized", "timedatectl status")

    /// The KDC's clock was measured; the server's claim alone means nothing before it is authenticated.
    static let clocks: [Rule] = [
        Rule(
            "clock-of-this-machine", for: aboutTime, is: .clockSkew, by: .thisMachine,
            when: { $0.isClock { if case .thisMachine = $0 { true } else { false } } },
            { $0.clockSentence }, do: { _ in [here, look] }),
        Rule(
            "clock-of-kdc", for: aboutTime, is: .clockSkew, by: .kdc,
            when: { $0.isClock { if case .kdc = $0 { true } else { false } } },
            { $0.clockSentence }, do: { _ in [.init("synchronize the KDC's clock")] }),
        Rule(
            "clock-of-this-machine-or-kdc", for: aboutTime, is: .clockSkew, by: .thisMachine,
            when: { $0.isClock { if case .thisMachineOrKDC = $0 { true } else { false } } },
            { $0.clockSentence },
            do: { _ in [look, here, .init("if this machine's clock is right, synchronize the KDC's")] }),
        Rule(
            "clocks-differ", for: "kerberos.KRB5KRB_AP_ERR_SKEW", "kerberos.KRB5_KDCREP_SKEW", is: .clockSkew,
            by: .thisMachine,
            { _ in "the clocks of this machine and of the KDC differ by more than Kerberos allows" },
            do: { _ in [look, here, .init("if this machine's clock is right, synchronize the KDC's")] }),
        // The server refuses without a reason, and the measured difference to the KDC's clock is one.
        Rule(
            "refused-by-wrong-clock", for: "auth.refused", is: .clockSkew, by: .thisMachine,
            when: { $0.isRefusedByClock && $0.isKDCClockOff },
            { $0.clockSentence },
            do: { _ in [look, here, .init("if this machine's clock is right, synchronize the others")] }),
        // Its own clock is another one, but only by its own claim, which is not proven.
        Rule(
            "refused-with-other-clock", for: "auth.refused", is: .refused, by: .server,
            when: { $0.isRefusedByClock && $0.clock != nil },
            {
                "the server refuses, and claims, without proof, that its clock is \($0.serverClockText): if so, "
                    + "every ticket looks expired or not yet valid to it"
            },
            do: {
                [
                    .see(
                        "on \($0.words.host): see whether its clock is synchronized, and set it",
                        "timedatectl status"),
                    .init("if its clock is right, see its log: its keytab may be old, or the user missing"),
                ]
            }),
    ]
}

extension Evidence {
    var clock: ClockComparison? { ClockComparison(measured) }

    var clockSentence: String { clock?.sentence ?? "the clocks differ" }

    func isClock(_ matches: (ClockComparison) -> Bool) -> Bool { clock.map(matches) ?? false }

    /// Whether the KDC's clock, by its own answer, is too far from this machine's.
    var isKDCClockOff: Bool { measured.kdcClockOffset.map { $0.magnitude > measured.allowedClockSkew } ?? false }

    /// How far the server's clock is off by its own claim.
    var serverClockText: String {
        let offset = measured.serverClockOffset ?? .zero
        let other = measured.kdcClockOffset == nil || isKDCClockOff ? "" : " and the KDC's"
        return "\(ClockText.size(offset)) \(offset > .zero ? "ahead of" : "behind") this machine's\(other)"
    }

    /// After the server's proof its clock was good enough for the ticket.
    var isRefusedByClock: Bool { isKerberos && stage < .serverProven && phase == .sasl }
}

extension Rule {
    /// To a clock that is wrong a good ticket is expired, or not valid yet.
    private static let aboutTime = [
        "kerberos.KRB5KRB_AP_ERR_SKEW", "kerberos.KRB5_KDCREP_SKEW", "kerberos.KRB5KRB_AP_ERR_TKT_EXPIRED",
        "kerberos.KRB5KRB_AP_ERR_TKT_NYV", "unproven.KRB5KRB_AP_ERR_SKEW",
    ]

    private static let here: Diagnosis.Step = .see("synchronize this machine's clock", "timedatectl set-ntp true")
    private static let look: Diagnosis.Step = .see("see whether it is synchronized", "timedatectl status")

    /// What the KDC's clock shows was measured; the server's own word alone says nothing before it has proven itself.
    static let clocks: [Rule] = [
        Rule(
            "clock-of-this-machine", for: aboutTime, is: .clockSkew, by: .thisMachine,
            when: { $0.isClock { if case .thisMachine = $0 { true } else { false } } },
            { $0.clockSentence }, do: { _ in [here, look] }),
        Rule(
            "clock-of-kdc", for: aboutTime, is: .clockSkew, by: .kdc,
            when: { $0.isClock { if case .kdc = $0 { true } else { false } } },
            { $0.clockSentence }, do: { _ in [.init("have the KDC's clock synchronized")] }),
        Rule(
            "clock-of-this-machine-or-kdc", for: aboutTime, is: .clockSkew, by: .thisMachine,
            when: { $0.isClock { if case .thisMachineOrKDC = $0 { true } else { false } } },
            { $0.clockSentence },
            do: { _ in [look, here, .init("where this machine's clock is right, have the KDC's synchronized")] }),
        Rule(
            "clocks-differ", for: "kerberos.KRB5KRB_AP_ERR_SKEW", "kerberos.KRB5_KDCREP_SKEW", is: .clockSkew,
            by: .thisMachine,
            { _ in "the clocks of this machine and of the KDC differ by more than Kerberos allows" },
            do: { _ in [look, here, .init("where this machine's clock is right, have the KDC's synchronized")] }),
        // The server refuses without a reason; its own clock, which it tells, is one.
        Rule(
            "clock-of-server", for: "auth.refused", is: .clockSkew, by: .server,
            when: { $0.isRefusedByClock && $0.isClock { if case .server = $0 { true } else { false } } },
            { $0.clockSentence + ", which makes every ticket expired or not valid yet there" },
            do: {
                [
                    .see(
                        "on \($0.words.host): see whether its clock is synchronized, and have it set",
                        "timedatectl status")
                ]
            }),
        Rule(
            "clock-of-server-or-this-machine", for: "auth.refused", is: .clockSkew, by: .thisMachine,
            when: { $0.isRefusedByClock && $0.clock != nil },
            { $0.clockSentence },
            do: {
                [look, here, .init("where this machine's clock is right, have that of \($0.words.host) synchronized")]
            }),
    ]
}

extension Evidence {
    var clock: ClockComparison? { ClockComparison(measured) }

    var clockSentence: String { clock?.sentence ?? "the clocks differ" }

    func isClock(_ matches: (ClockComparison) -> Bool) -> Bool { clock.map(matches) ?? false }

    /// After the server's proof its clock was good enough for the ticket.
    var isRefusedByClock: Bool { isKerberos && stage < .serverProven && phase == .sasl }
}

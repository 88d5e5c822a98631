/// Which of three clocks is wrong: this machine's, the KDC's or the server's.
enum ClockComparison: Sendable, Hashable {
    /// The KDC and the server agree with each other.
    case thisMachine(Duration)
    /// The server agrees with this machine.
    case kdc(Duration)
    /// The KDC agrees with this machine.
    case server(Duration)
    /// The server's is not known.
    case thisMachineOrKDC(Duration)
    /// The KDC's is not known.
    case thisMachineOrServer(Duration)

    /// Compares the measurements; `nil` if no clocks differ by more than is allowed.
    init?(_ measured: Evidence.Measured) {
        let skew = measured.allowedClockSkew
        func isOff(_ offset: Duration) -> Bool { offset.magnitude > skew }
        switch (measured.kdcClockOffset, measured.serverClockOffset) {
        case (let kdc?, let server?) where isOff(kdc) && isOff(server) && !isOff(kdc - server): self = .thisMachine(kdc)
        case (let kdc?, let server?) where isOff(kdc) && !isOff(server): self = .kdc(kdc)
        case (let kdc?, let server?) where !isOff(kdc) && isOff(server): self = .server(server)
        case (let kdc?, _) where isOff(kdc): self = .thisMachineOrKDC(kdc)
        case (nil, let server?) where isOff(server): self = .thisMachineOrServer(server)
        default: return nil
        }
    }

    /// How far the other clock is ahead of this machine's.
    var offset: Duration {
        switch self {
        case .thisMachine(let offset), .kdc(let offset), .server(let offset), .thisMachineOrKDC(let offset),
            .thisMachineOrServer(let offset):
            offset
        }
    }

    /// What is wrong, in one sentence.
    var sentence: String {
        let size = ClockText.size(offset)
        let isBehind = offset > .zero
        return switch self {
        case .thisMachine:
            "this machine's clock is \(size) \(isBehind ? "behind" : "ahead of") the KDC's and the server's"
        case .kdc: "the KDC's clock is \(size) \(isBehind ? "ahead of" : "behind") this machine's and the server's"
        case .server: "the server's clock is \(size) \(isBehind ? "ahead of" : "behind") this machine's and the KDC's"
        case .thisMachineOrKDC: "this machine's clock is \(size) \(isBehind ? "behind" : "ahead of") the KDC's"
        case .thisMachineOrServer: "this machine's clock is \(size) \(isBehind ? "behind" : "ahead of") the server's"
        }
    }
}

/// Differences of clocks, for people.
enum ClockText {
    /// - Parameter other: The other clock, in words.
    static func sentence(_ offset: Duration, other: String) -> String {
        guard offset.magnitude >= .milliseconds(500) else {
            return "this machine's clock agrees to the second with \(other)"
        }
        return "this machine's clock is \(size(offset)) \(offset > .zero ? "behind" : "ahead of") \(other)"
    }

    static func size(_ offset: Duration) -> String {
        let size = Int64((offset / .seconds(1)).rounded()).magnitude
        let parts = [(size / 86_400, "d"), (size / 3600 % 24, "h"), (size / 60 % 60, "min"), (size % 60, "s")]
        let text = parts.filter { $0.0 != 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
        return text.isEmpty ? "0 s" : text
    }
}

extension Duration {
    /// Its size, whatever its sign.
    var magnitude: Duration { self < .zero ? .zero - self : self }
}

internal import NameResolution

/// The decisions of Happy Eyeballs version 2 (RFC 8305), free of clocks and sockets.
///
/// Each event gives actions, to be done in order. Addresses are tried alternating between the families, IPv6 first where
/// both are known; the next attempt begins when the delay has passed or as soon as one fails. Within a family they keep the
/// order in which they come, which the system's resolver makes that of RFC 6724; between the families that order is not
/// asked for, since it would take the answers of both.
struct HappyEyeballs {
    enum Event {
        case resolved(IPAddress.Family, [IPAddress])
        case resolutionDelayPassed
        case attemptDelayPassed
        case attemptFailed
        case attemptSucceeded(Int)
    }

    enum Action: Equatable {
        /// Wait for the other family's answer, for the resolution delay.
        case startResolutionDelay
        /// Begin the attempt of this number.
        case attempt(Int, IPAddress)
        /// (Re)start the delay after which the next attempt begins.
        case startAttemptDelay
        /// Use this attempt's connection; drop everything else.
        case succeed(Int)
        /// Nothing is left to try.
        case fail
    }

    private let maximumAttempts: Int
    private var unresolved: Set<IPAddress.Family> = [.ipv4, .ipv6]
    private var queues: [IPAddress.Family: [IPAddress]] = [:]
    private var lastFamily: IPAddress.Family?
    private var isDelayingForIPv6 = false
    private var isDelayingAttempts = false
    private var started = 0
    private var running = 0
    private var isOver = false

    init(maximumAttempts: Int) {
        self.maximumAttempts = maximumAttempts
    }

    mutating func handle(_ event: Event) -> [Action] {
        guard !isOver else { return [] }
        switch event {
        case .resolved(let family, let addresses):
            unresolved.remove(family)
            queues[family, default: []] += addresses
            if family == .ipv6 { isDelayingForIPv6 = false }
            if family == .ipv4, unresolved.contains(.ipv6), !addresses.isEmpty, started == 0 {
                isDelayingForIPv6 = true
                return [.startResolutionDelay]
            }
        case .resolutionDelayPassed:
            isDelayingForIPv6 = false
        case .attemptDelayPassed:
            isDelayingAttempts = false
        case .attemptFailed:
            running -= 1
            isDelayingAttempts = false
        case .attemptSucceeded(let number):
            isOver = true
            return [.succeed(number)]
        }
        return proceed()
    }

    private mutating func proceed() -> [Action] {
        if !isDelayingForIPv6, !isDelayingAttempts, started < maximumAttempts, let address = takeNext() {
            let number = started
            started += 1
            running += 1
            isDelayingAttempts = true
            return [.attempt(number, address), .startAttemptDelay]
        }
        let hasMore = started < maximumAttempts && (!unresolved.isEmpty || queues.values.contains { !$0.isEmpty })
        guard running == 0, !hasMore else { return [] }
        isOver = true
        return [.fail]
    }

    private mutating func takeNext() -> IPAddress? {
        let order: [IPAddress.Family] = lastFamily == .ipv6 ? [.ipv4, .ipv6] : [.ipv6, .ipv4]
        for family in order {
            guard var queue = queues[family], !queue.isEmpty else { continue }
            let address = queue.removeFirst()
            queues[family] = queue
            lastFamily = family
            return address
        }
        return nil
    }
}

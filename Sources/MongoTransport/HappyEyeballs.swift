internal import NameResolution

/// The decisions of Happy Eyeballs version 2 (RFC 8305), without clocks and sockets.
///
/// Each event returns actions, to be carried out in order.
///
/// It starts with one look-up for both families. If that is late, or fails, each family is also asked for separately,
/// so that a name server which does not answer for IPv6 does not delay IPv4 addresses; the first answer is used.
///
/// Addresses are tried alternating between the families; the next attempt starts when the delay has passed or as
/// soon as one fails. Within a family the order is that of the answer, which is RFC 6724's with the system's resolver.
/// An answer with both families also decides which family is first; with separate answers, IPv6 is.
struct HappyEyeballs {
    enum Question: Hashable {
        case both
        case ipv6
        case ipv4

        /// The family that is asked for.
        var family: IPAddress.Family? {
            switch self {
            case .both: nil
            case .ipv6: .ipv6
            case .ipv4: .ipv4
            }
        }
    }

    enum Event {
        /// The answer, which may be that there is no address.
        case resolved(Question, [IPAddress])
        /// No answer, and none will come. Another look-up may help.
        case unresolved(Question)
        /// The answer for both families is late.
        case splitDelayPassed
        case resolutionDelayPassed
        case attemptDelayPassed
        case attemptFailed
        case attemptSucceeded(Int)
    }

    enum Action: Equatable {
        case lookUp(Question)
        /// Report when the answer for both families is late.
        case startSplitDelay
        /// Report when the wait for IPv6 is over, counted from the first look-up.
        case startResolutionDelay
        /// Start the attempt with this number.
        case attempt(Int, IPAddress)
        /// (Re)start the delay after which the next attempt begins.
        case startAttemptDelay
        /// Use this attempt's connection; drop everything else.
        case succeed(Int)
        /// Nothing is left to try.
        case fail
    }

    private let maximumAttempts: Int
    /// Pending look-ups.
    private var pending: Set<Question> = [.both]
    /// The families whose addresses are complete.
    private var answered: Set<IPAddress.Family> = []
    private var isSplit = false
    private var known: Set<IPAddress> = []
    private var queues: [IPAddress.Family: [IPAddress]] = [:]
    /// The family of the next attempt.
    private var nextFamily = IPAddress.Family.ipv6
    private var resolutionDelay = Delay.notStarted
    private var isDelayingAttempts = false
    private var started = 0
    private var running = 0
    private var isOver = false

    private enum Delay {
        case notStarted
        case running
        case over
    }

    init(maximumAttempts: Int) {
        self.maximumAttempts = maximumAttempts
    }

    /// What to do first.
    func began() -> [Action] { [.lookUp(.both), .startSplitDelay] }

    mutating func handle(_ event: Event) -> [Action] {
        guard !isOver else { return [] }
        switch event {
        case .resolved(let question, let addresses):
            take(addresses, question)
        case .unresolved(let question):
            pending.remove(question)
            if question == .both, let actions = split() { return actions }
        case .splitDelayPassed:
            guard pending.contains(.both), let actions = split() else { return [] }
            return actions
        case .resolutionDelayPassed:
            resolutionDelay = .over
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

    private mutating func split() -> [Action]? {
        guard !isSplit else { return nil }
        isSplit = true
        pending.formUnion([.ipv6, .ipv4])
        return [.lookUp(.ipv6), .lookUp(.ipv4)]
    }

    private mutating func take(_ addresses: [IPAddress], _ question: Question) {
        pending.remove(question)
        answered.formUnion(question.family.map { [$0] } ?? [.ipv4, .ipv6])
        if answered.count == 2 { pending = [] }
        if question == .both, known.isEmpty, let first = addresses.first { nextFamily = first.family }
        for address in addresses where !known.contains(address) { queues[address.family, default: []].append(address) }
        known.formUnion(addresses)
    }

    private mutating func proceed() -> [Action] {
        if started == 0, resolutionDelay != .over, isWaitingForIPv6 {
            guard resolutionDelay == .notStarted else { return [] }
            resolutionDelay = .running
            return [.startResolutionDelay]
        }
        if !isDelayingAttempts, started < maximumAttempts, let address = takeNext() {
            let number = started
            started += 1
            running += 1
            isDelayingAttempts = true
            return [.attempt(number, address), .startAttemptDelay]
        }
        let hasMore = started < maximumAttempts && (!pending.isEmpty || queues.values.contains { !$0.isEmpty })
        guard running == 0, !hasMore else { return [] }
        isOver = true
        return [.fail]
    }

    private var isWaitingForIPv6: Bool {
        queues[.ipv6, default: []].isEmpty && !queues[.ipv4, default: []].isEmpty
            && !answered.contains(.ipv6) && !pending.isDisjoint(with: [.both, .ipv6])
    }

    private mutating func takeNext() -> IPAddress? {
        for family in nextFamily == .ipv6 ? [.ipv6, .ipv4] : [IPAddress.Family.ipv4, .ipv6] {
            guard var queue = queues[family], !queue.isEmpty else { continue }
            let address = queue.removeFirst()
            queues[family] = queue
            nextFamily = family == .ipv6 ? .ipv4 : .ipv6
            return address
        }
        return nil
    }
}

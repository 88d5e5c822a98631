import NameResolution
import Testing

@testable import MongoTransport

/// The decisions of RFC 8305, event by event.
@Suite struct HappyEyeballsTests {
    struct Race: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var maximumAttempts = 16
        var steps: [(event: HappyEyeballs.Event, actions: [HappyEyeballs.Action])]
    }

    private static func v4(_ number: UInt8) -> IPAddress { address([192, 0, 2, number]) }
    private static func v6(_ number: UInt8) -> IPAddress {
        address([0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [number])
    }
    private static func address(_ bytes: [UInt8]) -> IPAddress {
        guard let address = IPAddress(bytes: bytes) else { preconditionFailure("not an address: \(bytes)") }
        return address
    }

    /// An attempt always comes with the delay before the next one.
    private static func begin(_ number: Int, _ address: IPAddress) -> [HappyEyeballs.Action] {
        [.attempt(number, address), .startAttemptDelay]
    }

    /// The answer for both families is late: each is asked for by itself.
    private static let split: (event: HappyEyeballs.Event, actions: [HappyEyeballs.Action]) =
        (.splitDelayPassed, [.lookUp(.ipv6), .lookUp(.ipv4)])

    /// One question where its answer is quick, and three where it is not.
    private static let questions: [Race] = [
        Race(
            testDescription: "an answer for both: no other question, and no waiting",
            steps: [
                (.resolved(.both, [v6(1), v4(1)]), begin(0, v6(1))), (.splitDelayPassed, []),
                (.attemptDelayPassed, begin(1, v4(1))),
            ]),
        Race(
            testDescription: "an answer for both with IPv4 alone: nothing to wait for",
            steps: [(.resolved(.both, [v4(1)]), begin(0, v4(1))), (.splitDelayPassed, [])]),
        Race(
            testDescription: "an answer for both that begins with IPv4: the system knows why",
            steps: [
                (.resolved(.both, [v4(1), v4(2), v6(1)]), begin(0, v4(1))), (.attemptFailed, begin(1, v6(1))),
                (.attemptFailed, begin(2, v4(2))),
            ]),
        Race(
            testDescription: "an answer for both that there is nothing",
            steps: [(.resolved(.both, []), [.fail]), (.splitDelayPassed, [])]),
        Race(
            testDescription: "no answer for both: the families are asked for at once, and once",
            steps: [
                (.unresolved(.both), [.lookUp(.ipv6), .lookUp(.ipv4)]), (.splitDelayPassed, []),
                (.unresolved(.ipv6), []), (.resolved(.ipv4, [v4(1)]), begin(0, v4(1))),
            ]),
        Race(
            testDescription: "a late answer for both serves, and what comes after it is known",
            steps: [
                split, (.resolved(.both, [v6(1), v4(1)]), begin(0, v6(1))), (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))), (.resolved(.ipv6, [v6(1)]), []), (.attemptFailed, []),
                (.attemptFailed, [.fail]),
            ]),
        Race(
            testDescription: "an answer for both adds to that for one",
            steps: [
                split, (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]),
                (.resolved(.both, [v6(1), v4(1)]), begin(0, v6(1))), (.attemptFailed, begin(1, v4(1))),
                (.attemptFailed, [.fail]),
            ]),
        Race(
            testDescription: "no answer for both after the split: the others may still come",
            steps: [
                split, (.unresolved(.both), []), (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]),
                (.unresolved(.ipv6), begin(0, v4(1))), (.attemptFailed, [.fail]),
            ]),
        Race(
            testDescription: "no answer to any question",
            steps: [split, (.unresolved(.ipv6), []), (.unresolved(.both), []), (.unresolved(.ipv4), [.fail])]),
        Race(
            testDescription: "no answer for IPv4, but both may still come",
            steps: [
                split, (.unresolved(.ipv4), []), (.resolved(.ipv6, []), []),
                (.resolved(.both, [v4(1)]), begin(0, v4(1))),
            ]),
        Race(
            testDescription: "no answer for IPv6, but both may still come: the delay bounds that",
            steps: [
                split, (.unresolved(.ipv6), []), (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]),
                (.resolutionDelayPassed, begin(0, v4(1))), (.resolved(.both, [v6(1), v4(1)]), []),
                (.attemptFailed, begin(1, v6(1))),
            ]),
    ]

    /// Section 3: the two answers, in any order.
    private static let resolution: [Race] = [
        Race(
            testDescription: "IPv6 first: no waiting",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))),
                (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))),
            ]),
        Race(
            testDescription: "IPv4 first: IPv6 gets its delay, and goes first when it comes within it",
            steps: [
                split, (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]),
                (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))),
                (.resolutionDelayPassed, []),
                (.attemptDelayPassed, begin(1, v4(1))),
            ]),
        Race(
            testDescription: "IPv4 first: the delay passes, and IPv6 is next when it comes",
            steps: [
                split, (.resolved(.ipv4, [v4(1), v4(2)]), [.startResolutionDelay]),
                (.resolutionDelayPassed, begin(0, v4(1))),
                (.resolved(.ipv6, [v6(1)]), []),
                (.attemptDelayPassed, begin(1, v6(1))),
                (.attemptDelayPassed, begin(2, v4(2))),
            ]),
        Race(
            testDescription: "IPv4 first: an answer that there is no IPv6 ends the delay",
            steps: [
                split, (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]),
                (.resolved(.ipv6, []), begin(0, v4(1))),
                (.resolutionDelayPassed, []),
            ]),
        Race(
            testDescription: "no IPv6: IPv4 begins as soon as it is there",
            steps: [split, (.resolved(.ipv6, []), []), (.resolved(.ipv4, [v4(1)]), begin(0, v4(1)))]),
        Race(
            testDescription: "no IPv4: nothing to delay for",
            steps: [split, (.resolved(.ipv4, []), []), (.resolved(.ipv6, [v6(1)]), begin(0, v6(1)))]),
        Race(
            testDescription: "no address at all",
            steps: [
                split, (.resolved(.ipv6, []), []), (.resolved(.ipv4, []), [.fail]), (.resolved(.ipv4, [v4(1)]), []),
            ]),
    ]

    /// Sections 4 and 5: order and pace of the attempts.
    private static let attempts: [Race] = [
        Race(
            testDescription: "families take turns, and the longer list goes on alone",
            steps: [
                split, (.resolved(.ipv6, [v6(1), v6(2), v6(3), v6(4)]), begin(0, v6(1))),
                (.resolved(.ipv4, [v4(1), v4(2)]), []),
                (.attemptDelayPassed, begin(1, v4(1))), (.attemptDelayPassed, begin(2, v6(2))),
                (.attemptDelayPassed, begin(3, v4(2))), (.attemptDelayPassed, begin(4, v6(3))),
                (.attemptDelayPassed, begin(5, v6(4))), (.attemptDelayPassed, []),
            ]),
        Race(
            testDescription: "a failure begins the next at once",
            steps: [
                split, (.resolved(.ipv6, [v6(1), v6(2)]), begin(0, v6(1))), (.attemptFailed, begin(1, v6(2))),
            ]),
        Race(
            testDescription: "an address that comes after the delay begins at once",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.attemptDelayPassed, []),
                (.resolved(.ipv4, [v4(1)]), begin(1, v4(1))),
            ]),
        Race(
            testDescription: "an address that comes within the delay waits for it",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))),
            ]),
        Race(
            testDescription: "an address that comes after the only failure begins at once",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.attemptFailed, []),
                (.resolved(.ipv4, [v4(1)]), begin(1, v4(1))),
            ]),
        Race(
            testDescription: "IPv6 comes after IPv4 has failed",
            steps: [
                split, (.resolved(.ipv4, [v4(1)]), [.startResolutionDelay]), (.resolutionDelayPassed, begin(0, v4(1))),
                (.attemptFailed, []), (.resolved(.ipv6, [v6(1)]), begin(1, v6(1))),
            ]),
    ]

    /// How a race ends.
    private static let ends: [Race] = [
        Race(
            testDescription: "the first succeeds, and nothing happens after that",
            steps: [
                split, (.resolved(.ipv6, [v6(1), v6(2)]), begin(0, v6(1))), (.attemptSucceeded(0), [.succeed(0)]),
                (.attemptDelayPassed, []), (.resolved(.ipv4, [v4(1)]), []), (.attemptFailed, []),
                (.attemptSucceeded(1), []), (.resolutionDelayPassed, []),
            ]),
        Race(
            testDescription: "a later one overtakes an earlier one",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))), (.attemptSucceeded(1), [.succeed(1)]), (.attemptFailed, []),
            ]),
        Race(
            testDescription: "an earlier one succeeds after a later one has failed",
            steps: [
                split, (.resolved(.ipv6, [v6(1), v6(2)]), begin(0, v6(1))), (.resolved(.ipv4, []), []),
                (.attemptDelayPassed, begin(1, v6(2))), (.attemptFailed, []), (.attemptSucceeded(0), [.succeed(0)]),
            ]),
        Race(
            testDescription: "all fail, the last one late",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))), (.attemptFailed, []), (.attemptDelayPassed, []),
                (.attemptFailed, [.fail]), (.attemptSucceeded(0), []),
            ]),
        Race(
            testDescription: "all fail, but the other family may still come",
            steps: [
                split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.attemptFailed, []),
                (.resolved(.ipv4, []), [.fail]),
            ]),
    ]

    private static let bounds: [Race] = [
        Race(
            testDescription: "no more than the maximum",
            maximumAttempts: 2,
            steps: [
                split, (.resolved(.ipv6, [v6(1), v6(2)]), begin(0, v6(1))), (.resolved(.ipv4, [v4(1)]), []),
                (.attemptDelayPassed, begin(1, v4(1))), (.attemptDelayPassed, []), (.attemptFailed, []),
                (.attemptFailed, [.fail]),
            ]),
        Race(
            testDescription: "at the maximum no further answer is waited for",
            maximumAttempts: 1,
            steps: [split, (.resolved(.ipv6, [v6(1)]), begin(0, v6(1))), (.attemptFailed, [.fail])]),
        Race(
            testDescription: "a maximum of none", maximumAttempts: 0,
            steps: [split, (.resolved(.ipv6, [v6(1)]), [.fail])]),
    ]

    @Test(arguments: questions + resolution + attempts + ends + bounds)
    func events(_ race: Race) {
        var machine = HappyEyeballs(maximumAttempts: race.maximumAttempts)
        for (index, step) in race.steps.enumerated() {
            #expect(machine.handle(step.event) == step.actions, "step \(index): \(step.event)")
        }
    }

    /// Answers, delays and failures in random orders: each address is tried once, all are tried, and the end comes
    /// exactly once.
    @Test func everyAddressIsTriedOnceWhateverTheOrder() {
        var generator = SplitMix64(state: 8305)
        for round in 0..<2_000 {
            var machine = HappyEyeballs(maximumAttempts: 16)
            let lists = (ipv6: [Self.v6(1), Self.v6(2)], ipv4: [Self.v4(1), Self.v4(2), Self.v4(3)])
            var answers: [HappyEyeballs.Event] = [
                .resolved(.ipv6, lists.ipv6), .resolved(.ipv4, lists.ipv4),
                [.resolved(.both, lists.ipv6 + lists.ipv4), .unresolved(.both)].randomElement(using: &generator)
                    ?? .unresolved(.both),
            ].shuffled(using: &generator)
            #expect(machine.began() == [.lookUp(.both), .startSplitDelay])
            #expect(machine.handle(.splitDelayPassed) == [.lookUp(.ipv6), .lookUp(.ipv4)])
            var delays: [HappyEyeballs.Event] = []
            var running = 0
            var tried: [IPAddress] = []
            var fails = 0
            while fails == 0 {
                var choices = delays + answers.prefix(1)
                if running > 0 { choices.append(.attemptFailed) }
                guard let event = choices.randomElement(using: &generator) else { break }
                switch event {
                case .resolved, .unresolved: answers.removeFirst()
                case .attemptFailed: running -= 1
                default: delays = []
                }
                for action in machine.handle(event) {
                    switch action {
                    case .lookUp, .startSplitDelay: Issue.record("asked again in round \(round)")
                    case .startResolutionDelay: delays = [.resolutionDelayPassed]
                    case .startAttemptDelay: delays = [.attemptDelayPassed]
                    case .attempt(let number, let address):
                        #expect(number == tried.count, "round \(round)")
                        tried.append(address)
                        running += 1
                    case .succeed: Issue.record("nobody succeeded in round \(round)")
                    case .fail: fails += 1
                    }
                }
            }
            #expect(fails == 1, "round \(round)")
            #expect(running == 0, "round \(round)")
            #expect(tried.count == 5 && Set(tried).count == 5, "round \(round)")
        }
    }
}

/// A generator whose numbers are the same in every run.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

import Testing

@testable import KerberosCredentials

/// When tickets that a KDC does not renew are asked for again.
@Suite struct RenewalTests {
    /// Few enough that a password which was changed meanwhile does not lock its account at once.
    @Test(arguments: [60, 600, 36_000, 604_800])
    func aFailingRenewalIsTriedAFewTimes(life: Int) {
        let start = ContinuousClock.now
        let end = start + .seconds(life)
        var now = start + .seconds(life / 2)
        var tries = 0
        while now < end {
            tries += 1
            let pause = KerberosCredentialManager.pause(before: end, now: now)
            #expect(pause >= .seconds(30))
            // There is always another try before the last half minute.
            #expect(end - now <= .seconds(60) || now + pause < end)
            now += pause
        }
        #expect((1...16).contains(tries), "\(tries) tries")
    }

    /// Tickets for a second are not asked for twice a second.
    @Test(arguments: [(-5, 2), (0, 2), (2, 2), (3, 3), (300, 300)])
    func renewalsHaveAPauseBeforeThem(middle: Int, expected: Int) {
        let now = ContinuousClock.now
        let time = KerberosCredentialManager.renewal(from: now + .seconds(middle), now: now)
        #expect(time == now + .seconds(expected))
    }

    @Test func ticketsWithoutAnEndAreAskedForAgainAfterAWhile() {
        #expect(KerberosCredentialManager.pause(before: nil) == .seconds(30))
    }
}

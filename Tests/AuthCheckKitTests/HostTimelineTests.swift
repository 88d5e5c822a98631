import GSSCore
import KerberosCredentials
import MongoConnect
import MongoTransport
import NameResolution
import SASL
import Testing

@testable import AuthCheckKit
@testable import MongoAuth

/// What the entries of a trace come to.
@Suite struct HostTimelineTests {
    private static let start = ContinuousClock.now
    private static let service = ServicePrincipal(service: "mongodb", host: "db.example.com")
    private static let connecting: [ConnectTrace.Event] = [
        .transport(.lookUpBegan(host: "db", family: nil)),
        .transport(
            .lookedUp(
                host: "db", family: nil, addresses: [IPAddress("::1"), IPAddress("127.0.0.1")].compactMap(\.self))),
        .transport(.attemptBegan(number: 0, address: "::1", family: .ipv6)),
        .transport(.attemptBegan(number: 1, address: "127.0.0.1", family: .ipv4)),
        .transport(.attemptEnded(number: 1, outcome: .connected)),
        .transport(.attemptEnded(number: 0, outcome: .cancelled)),
    ]
    private static let greeting: [ConnectTrace.Event] = [
        .authentication(.helloBegan),
        .authentication(.helloEnded(ServerDescription(maxWireVersion: 21, localTimeMilliseconds: 2_000_000))),
    ]
    private static let proving: [ConnectTrace.Event] = [
        .authentication(.saslBegan(.plain)),
        .authentication(.saslSent(length: nil)),
        .authentication(.saslReceived(length: 90)),
        .authentication(.saslEnded(AuthenticationDetails(mechanism: .plain))),
        .authentication(.identityBegan),
        .authentication(
            .identityEnded(
                AuthenticatedIdentity(user: "ann", database: "$external", roles: [.init(role: "read", database: "a")]))),
    ]

    /// One event per millisecond; the wall clock does not advance.
    private static func timeline(
        _ events: [ConnectTrace.Event], needsTicket: Bool = false, _ error: (any Error)? = nil, after end: Int = 1000
    ) -> HostTimeline {
        let entries = events.enumerated().map { number, event in
            ConnectTrace.Entry(
                time: start + .milliseconds(number + 1), wallClockMilliseconds: 1_000_000, event: event)
        }
        return HostTimeline(
            entries, error, needsTicket: needsTicket, from: start, to: start + .milliseconds(end))
    }

    @Test func aWholeWay() {
        let timeline = Self.timeline(Self.connecting + Self.greeting + Self.proving)
        let phases = CheckPhase.allCases.map { timeline.phases[$0] }
        #expect(phases.map(\.?.result) == [.ok, .ok, .skipped, .ok, .skipped, .ok, .ok])
        #expect(
            phases.map(\.?.detail) == [
                "::1, 127.0.0.1", "connected to 127.0.0.1, 1 other attempts", "not used", "wire versions 0 to 21",
                "PLAIN needs no ticket", "PLAIN", "ann on $external, roles: read@a",
            ])
        #expect(phases.map(\.?.milliseconds) == [2, 2, nil, 1, nil, 3, 1])
        #expect(timeline.attempts.map(\.outcome) == [.cancelled, .connected])
        #expect(timeline.attempts.map(\.family) == ["ipv6", "ipv4"])
        #expect(timeline.attempts.map(\.startMilliseconds) == [2, 3])
        #expect(timeline.attempts.map(\.endMilliseconds) == [5, 4])
        #expect(timeline.serverClockOffset == .seconds(1000))
        #expect(timeline.identity?.user == "ann")
    }

    /// A second family may answer late, and an address needs no look-up.
    @Test func namesAndAddresses() {
        let late = ConnectTrace.Event.transport(
            .lookedUp(host: "db", family: .ipv4, addresses: [IPAddress("192.0.2.1")].compactMap(\.self)))
        #expect(Self.timeline(Self.connecting + [late]).phases[.dns]?.detail == "::1, 127.0.0.1, 192.0.2.1")
        let literal = Self.timeline(Array(Self.connecting.dropFirst(2)))
        #expect(literal.phases[.dns]?.detail == "::1")
        let socket = Self.timeline([.transport(.attemptBegan(number: 0, address: "/s", family: nil))])
        #expect(socket.phases[.dns]?.detail == "no look-up needed")
        #expect(literal.attempts.map(\.startMilliseconds) == [0, 1])
    }

    /// The phase that began last, and did not end.
    @Test(
        arguments: [
            (0, nil), (1, .dns), (2, .dns), (3, .tcp), (4, .tcp), (7, .hello), (8, .sasl), (9, .sasl), (11, .sasl),
            (13, .identity),
        ] as [(Int, CheckPhase?)])
    func theFailedPhase(count: Int, expected: CheckPhase?) {
        let events = Array((Self.connecting + Self.greeting + Self.proving).prefix(count))
        #expect(Self.timeline(events, CancellationError()).failedPhase == expected)
    }

    /// The name of the service is worked out, the ticket fetched and the first token made in one phase.
    @Test func theFailedPhaseWithATicket() {
        let events = Self.connecting + Self.greeting
        #expect(Self.timeline(events, needsTicket: true, CancellationError()).failedPhase == .kerberos)
        let asked =
            events + [
                .authentication(.ticketBegan(Self.service)),
                .authentication(.kerberos(.askingKDC(realm: "R", ticket: "mongodb/db@R", bytes: 1))),
            ]
        let timeline = Self.timeline(asked, needsTicket: true, CancellationError())
        #expect(timeline.failedPhase == .kerberos && timeline.service == Self.service)
    }

    /// Where commands are pipelined, the first token is made before hello goes out.
    @Test func theOrderOfPipelining() {
        let ticket: [ConnectTrace.Event] = [.authentication(.ticketBegan(Self.service))]
        let timeline = Self.timeline(Self.connecting + ticket + Self.greeting + Self.proving, needsTicket: true)
        #expect(timeline.phases[.kerberos]?.detail == "ticket for mongodb/db.example.com")
        #expect(timeline.phases.values.filter { $0.result == .ok }.count == 6)
        #expect(timeline.phases[.kerberos]?.milliseconds == 1 && timeline.phases[.hello]?.milliseconds == 1)
    }

    /// With TLS 1.3 a server refuses a client's certificate when hello has been sent; files are read before all.
    @Test func tlsFailsOutOfTurn() throws {
        let error = TransportError(.tls, phase: .tls, "text")
        let tls: [ConnectTrace.Event] = [.transport(.tlsBegan), .transport(.tlsEnded(TLSReport()))]
        let late = Self.timeline(Self.connecting + tls + Self.greeting.prefix(1), error, after: 17)
        #expect(late.failedPhase == .tls)
        #expect(late.phases[.tls]?.result == .failed)
        #expect(late.phases[.tls]?.milliseconds == 10)
        #expect(late.phases[.hello] == nil)
        let early = Self.timeline([], error, after: 4)
        #expect(early.failedPhase == .tls)
        #expect(early.phases[.tls]?.milliseconds == 4)
        #expect(early.phases[.dns] == nil)
    }

    @Test func attemptsThatCameToNothing() {
        let refused = ConnectTrace.Event.transport(.attemptEnded(number: 0, outcome: .failed("refused")))
        let givenUp = ConnectTrace.Event.transport(.attemptEnded(number: 1, outcome: .cancelled))
        let error = TransportError(.deadlineExceeded, phase: .tcp, "text")
        let timeline = Self.timeline(Array(Self.connecting.prefix(4)) + [refused, givenUp], error)
        #expect(timeline.failedPhase == .tcp)
        #expect(timeline.attempts.map(\.endMilliseconds) == [4, 5])
        #expect(timeline.attempts.map(\.outcome) == [.failed, .cancelled])
        #expect(timeline.attempts.map(\.reason) == ["refused", nil])
    }

    @Test func aWayThatBeginsOnceMore() {
        let timeline = Self.timeline(
            [.warning(.passwordInClearText)] + Self.connecting + Self.greeting.prefix(1) + [
                .retried(.olderMessageFormat)
            ]
                + Self.connecting.prefix(3) + [.warning(.passwordInClearText)])
        #expect(timeline.attempts.count == 1)
        #expect(timeline.phases.keys.map(\.rawValue) == ["dns"])
        #expect(timeline.warnings.count == 1)
    }

    @Test(arguments: [
        (ConnectWarning.passwordInClearText, "set tls=true"),
        (.optionHasNoEffect(name: "tlsDisableOCSPEndpointCheck"), "does not check revocation with OCSP"),
        (.otherReplicaSet(wanted: "a", found: "b"), "Write replicaSet=b"),
        (.otherReplicaSet(wanted: "a", found: nil), "Leave replicaSet out"),
        (.replicaSetIsNotInitiated, "rs.initiate()"),
        (.hostIsNoMember(members: ["a:1", "b:2"], set: "rs"), "its members, a:1, b:2"),
        (.mechanismIsMissing(name: "MONGODB-AWS"), "MONGODB-AWS is not supported by this client"),
        (.revocationListsHaveNoEffect, "tlsCRLFile has no effect"),
        (.revocationListsAreNotVerified, "verify the signatures of the lists"),
        (.standaloneAmongSeveral, "Write this host alone"),
        (.wireVersionsOutOfRange(minimum: 0, maximum: 6), "wire versions 0 to 6"),
        (.membersDoNotResolve(members: ["a:1", "b:2"], set: "rs"), "replica set rs"),
        (.identityIsNotTold(reason: "because"), "because"),
        (.serviceHostOfSocket(path: "/s"), "the socket /s has no host name"),
        (.service(.hostHadPort(given: "h:1", used: "h")), "h:1 has a port"),
        (.service(.hostIsAddress("::1")), "the address ::1; "),
        (.service(.canonicalizationFellBack(host: "h", reasons: ["a", "b"])), "falls back to the host h: a; b"),
    ])
    func warnings(warning: ConnectWarning, words: String) {
        #expect(Self.timeline([.warning(warning)]).warnings.first?.message.contains(words) == true)
    }

    /// The live progress reads the same entries.
    @Test func theProgress() {
        let asking = KerberosEvent.askingKDC(realm: "R", ticket: "mongodb/db@R", bytes: 1)
        let events: [ConnectTrace.Event] =
            [.warning(.passwordInClearText)] + Self.connecting + Self.greeting + [.authentication(.kerberos(asking))]
        #expect(
            events.compactMap(\.progressLine) == [
                "warning: PLAIN sends the password in clear text on this connection: set tls=true", "looking up db ...",
                "connecting to ::1 ...", "connecting to 127.0.0.1 ...", "hello ...",
                "asking a KDC of R for the ticket for mongodb/db@R ...",
            ])
    }
}

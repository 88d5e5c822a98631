internal import BlockingWork
public import MongoAuth
public import MongoTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The record of one way from a host's name to an authenticated connection: what happened and when, written where and
/// when it happens.
///
/// Everybody who tells of that way reads it: a log, live progress, a report. It states facts; words for people are theirs.
public final class ConnectTrace: Sendable {
    /// One thing that happened.
    public struct Entry: Sendable {
        /// The moment by a clock that never goes back.
        public var time: ContinuousClock.Instant
        /// The same by the clock on the wall, in milliseconds since 1970: servers and KDCs tell their time that way.
        public var wallClockMilliseconds: Int64
        /// What happened, with the values that were known then.
        public var event: Event

        /// Creates an entry.
        public init(time: ContinuousClock.Instant, wallClockMilliseconds: Int64, event: Event) {
            self.time = time
            self.wallClockMilliseconds = wallClockMilliseconds
            self.event = event
        }
    }

    /// What can happen.
    @nonexhaustive
    public enum Event: Sendable {
        /// On the way to the server: its name, its addresses, TLS.
        case transport(TransportEvent)
        /// Between client and server: hello, ticket, conversation, identity.
        case authentication(AuthenticationEvent)
        /// The way begins once more, on a new connection.
        case retried(RetryReason)
        /// Something that is doubtful and need not be wrong.
        case warning(ConnectWarning)
    }

    /// Why a way begins once more.
    @nonexhaustive
    public enum RetryReason: Sendable, Hashable {
        /// The server hangs up on OP_MSG, as those before version 3.6 do: the older OP_QUERY is tried.
        case olderMessageFormat
        /// The server's replies to pipelined commands are not those that were anticipated.
        case pipeliningRefused
        /// The server could not read the Kerberos ticket, and the KDC has given a newer one.
        case ticketReplaced
    }

    private let recorded = Locked<[Entry]>([])
    private let observe: (@Sendable (Entry) -> Void)?

    /// Begins a record.
    ///
    /// - Parameter observe: Takes each entry when it is written. It is called where the thing happens, an event loop
    ///   perhaps, and must be quick.
    public init(observe: (@Sendable (Entry) -> Void)? = nil) {
        self.observe = observe
    }

    /// What has happened so far, in the order in which it was written.
    public var entries: [Entry] { recorded.withLock { $0 } }

    package func record(_ event: Event) {
        let entry = Entry(
            time: .now, wallClockMilliseconds: Int64(Date().timeIntervalSince1970 * 1000), event: event)
        recorded.withLock { $0.append(entry) }
        observe?(entry)
    }
}

/// Something doubtful on the way to a server. The set is open.
@nonexhaustive
public enum ConnectWarning: Sendable, Hashable {
    /// An option of the string that this package does not act on, where that changes what a success means.
    case optionHasNoEffect(name: String)
    /// `tlsCRLFile` means nothing where certificates are not verified, and its file is not read.
    case revocationListsHaveNoEffect
    /// The signatures of the lists in `tlsCRLFile` are not checked.
    case revocationListsAreNotVerified
    /// A mechanism that this package does not have.
    case mechanismIsMissing(name: String)
    /// The string names another replica set than the server is in; `found` is `nil` where it is in none.
    case otherReplicaSet(wanted: String, found: String?)
    /// The server is to be in a replica set, and has no configuration of it yet.
    case replicaSetIsNotInitiated
    /// The replica set does not know the server by the name in the string: drivers connect by the names of its members.
    case hostIsNoMember(members: [String], set: String)
    /// The string names several hosts, and the server is by itself: drivers leave it out.
    case standaloneAmongSeveral
    /// The server speaks no wire version that today's drivers speak.
    case wireVersionsOutOfRange(minimum: Int, maximum: Int)
    /// Members of the replica set whose names do not resolve on this machine, as `host:port`: drivers connect by these names.
    case membersDoNotResolve(members: [String], set: String)
    /// The server has authenticated us, and does not tell who we are.
    case identityIsNotTold(reason: String)
    /// TLS is used, and by this option of the string proves nothing of the server's identity, or not all of it.
    case tlsIsNotVerified(option: String, sendsPassword: Bool)
    /// The mechanism sends the password in clear text, on a connection without TLS.
    case passwordInClearText
    /// The host is a Unix domain socket without SERVICE_HOST, so that the service's host is taken to be localhost.
    case serviceHostOfSocket(path: String)
    /// Something about the Kerberos name of the service.
    case service(ServiceNameDoubt)
}

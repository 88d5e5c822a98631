internal import BlockingWork
public import MongoAuth
public import MongoTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The record of one connect, from a host's name to an authenticated connection: what happened and when, recorded where
/// and when it happens.
///
/// Logs, live progress and reports read it. It states facts; the wording is up to its readers.
public final class ConnectTrace: Sendable {
    /// One thing that happened.
    public struct Entry: Sendable {
        /// The moment by a clock that never goes back.
        public var time: ContinuousClock.Instant
        /// The same by the wall clock, in milliseconds since 1970, to compare with the clocks of servers and KDCs.
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
        /// An event of the transport: name, addresses, TLS.
        case transport(TransportEvent)
        /// An event of the authentication: hello, ticket, conversation, identity.
        case authentication(AuthenticationEvent)
        /// The attempt starts again, on a new connection.
        case retried(RetryReason)
        /// A warning; the connection continues.
        case warning(ConnectWarning)
    }

    /// Why an attempt starts again.
    @nonexhaustive
    public enum RetryReason: Sendable, Hashable {
        /// The server closes the connection on OP_MSG, as those before version 3.6 do: the older OP_QUERY is tried.
        case olderMessageFormat
        /// The server's replies to pipelined commands are not the anticipated ones.
        case pipeliningRefused
        /// The server could not decrypt the Kerberos ticket, and the KDC has issued a newer one.
        case ticketReplaced
    }

    private let recorded = Locked<[Entry]>([])
    private let observe: (@Sendable (Entry) -> Void)?

    /// Begins a record.
    ///
    /// - Parameter observe: Receives each entry when it is written. It is called where the event happens, perhaps
    ///   on an event loop, and must be quick.
    public init(observe: (@Sendable (Entry) -> Void)? = nil) {
        self.observe = observe
    }

    /// The entries so far, in order.
    public var entries: [Entry] { recorded.withLock { $0 } }

    package func record(_ event: Event) {
        let entry = Entry(
            time: .now, wallClockMilliseconds: Int64(Date().timeIntervalSince1970 * 1000), event: event)
        recorded.withLock { $0.append(entry) }
        observe?(entry)
    }
}

/// A warning about a connection. The set is open.
@nonexhaustive
public enum ConnectWarning: Sendable, Hashable {
    /// An option of the string that this package ignores, if that changes the meaning of a success.
    case optionHasNoEffect(name: String)
    /// `tlsCRLFile` has no effect if certificates are not verified; its file is not read.
    case revocationListsHaveNoEffect
    /// The signatures of the lists in `tlsCRLFile` are not checked.
    case revocationListsAreNotVerified
    /// A mechanism that this package does not have.
    case mechanismIsMissing(name: String)
    /// The string names another replica set than the server's; `found` is `nil` if the server is in none.
    case otherReplicaSet(wanted: String, found: String?)
    /// The server is started for a replica set, and has no configuration of it yet.
    case replicaSetIsNotInitiated
    /// The replica set does not list the server by the name in the string: drivers connect by the names of its members.
    case hostIsNoMember(members: [String], set: String)
    /// The string names several hosts, and the server is a standalone one: drivers ignore it.
    case standaloneAmongSeveral
    /// The server supports no wire version of current drivers.
    case wireVersionsOutOfRange(minimum: Int, maximum: Int)
    /// Members of the replica set whose names do not resolve on this machine, as `host:port`: drivers connect by these
    /// names.
    case membersDoNotResolve(members: [String], set: String)
    /// The server authenticated us, and does not report the authenticated user.
    case identityIsNotTold(reason: String)
    /// TLS is used, and because of this option does not prove the server's identity, or not fully.
    case tlsIsNotVerified(option: String, sendsPassword: Bool)
    /// The mechanism sends the password in clear text, on a connection without TLS.
    case passwordInClearText
    /// The host is a Unix domain socket without SERVICE_HOST, so the service's host is assumed to be localhost.
    case serviceHostOfSocket(path: String)
    /// Something about the Kerberos name of the service.
    case service(ServiceNameDoubt)
}

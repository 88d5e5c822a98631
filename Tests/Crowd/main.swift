import BlockingWork
import Foundation
import GSSKerberos
import Glibc
import KerberosCredentials
import Logging
import MongoAuth
import MongoConnect
import MongoTransport
import NIOPosix
import SASL
import SaslConnectionString

// Authenticates many identities at once in one process, as its standard input says, and prints as JSON how each fared.
//
// A separate program and not a test: what Kerberos reads from the environment belongs to a whole process, and the
// process is what is measured.

/// So many authentications of one identity, all at the same time.
struct Group: Decodable {
    var uri: String
    var count: Int
    var username: String?
    var cache: String?
    var keytab: String?
    var password: String?
    /// Whether all share a credential of GSS-API's own, of the cache.
    var isExisting: Bool?
    var seconds: Double

    func credential(_ string: MongoConnectionString) throws -> MongoCredential? {
        guard var credential = try string.credential.map(MongoCredential.init),
            case .gssapi(var options) = credential.method
        else { return nil }
        if let username { credential.username = username }
        if let cache { options.identity = .cache(cache) }
        if isExisting == true, let cache { options.identity = .existing(try ExistingCredentials.of(cache)) }
        if let keytab { options.identity = .keytab(keytab) }
        if let password { options.identity = .password(Secret(password), user: credential.username) }
        credential.method = .gssapi(options)
        return credential
    }
}

/// Credentials of GSS-API's own, one for each cache.
enum ExistingCredentials {
    private static let all = Locked<[String: KerberosCredential]>([:])

    static func of(_ cache: String) throws -> KerberosCredential {
        try all.withLock { all in
            if let known = all[cache] { return known }
            let credential = try KerberosCredential(store: .init(cache: cache))
            all[cache] = credential
            return credential
        }
    }
}

/// Groups that go at the same time.
struct Step: Decodable {
    var groups: [Group]
    /// A process that is resumed before it begins.
    var resume: Int32?
    /// A file that takes another's place before it begins.
    var replace: [String: String]?
    /// For how long it is repeated, one after another.
    var forSeconds: Double?
    /// How long after the step before it begins: what is looked at again after a time has had that time.
    var afterSeconds: Double?
}

struct Job: Decodable {
    var steps: [Step]
    /// Whether this process is to fail whenever it writes to a file, even the superuser's.
    var cannotWrite: Bool?
    /// Whether connections take two round trips.
    var pipelined: Bool?
}

/// How one authentication went.
struct Fare: Encodable {
    var user: String?
    var code: String?
    var message: String?
    var milliseconds: Double
    /// How long after its deadline it ended; negative for before.
    var late: Double
    /// Why it began once more, each time.
    var retries: [String] = []
}

/// How late a timer of this process ends, in milliseconds: the delay of the machine.
func lateness(of duration: Double) async -> Double {
    let deadline = ContinuousClock.now + .seconds(duration)
    try? await Task.sleep(until: deadline)
    return milliseconds(ContinuousClock.now - deadline)
}

struct Outcome: Encodable {
    /// For each step, for each of its groups.
    var steps: [[[Fare]]]
    /// For each step, by how much a timer was late that was to end with the first deadline, if it did before the step.
    var lateness: [Double]
    /// The workers once all is over, after they had time to come back.
    var workers: [String]
    var threads: Int
    var peakThreads: Int
}

func milliseconds(_ duration: Duration) -> Double { duration / .milliseconds(1) }

func threads() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
}

/// No file may grow from now on.
func forbidWriting() {
    signal(SIGXFSZ, SIG_IGN)
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &none)
}

func authenticate(_ group: Group, with connector: MongoConnector) async -> Fare {
    let start = ContinuousClock.now
    let deadline = start + .seconds(group.seconds)
    var fare = Fare(milliseconds: 0, late: 0)
    do {
        let string = try MongoConnectionString(parsing: group.uri)
        let credential = try group.credential(string)
        let session: MongoSession
        if string.hosts.count == 1, let host = string.hosts.first {
            let trace = ConnectTrace()
            defer {
                fare.retries = trace.entries.compactMap {
                    if case .retried(let why) = $0.event { "\(why)" } else { nil }
                }
            }
            session = try await connector.connect(to: host, of: string, as: credential, by: deadline, trace: trace)
        } else {
            session = try await connector.connect(to: string, as: credential, by: deadline)
        }
        fare.user = try await AuthenticatedIdentity.ask(session.connection, by: deadline).user
        await session.connection.close()
    } catch let error as MongoAuthError {
        (fare.code, fare.message) = ("\(error.code)", "\(error) \(error.underlying.map { "\($0)" } ?? "")")
    } catch let error as TransportError {
        (fare.code, fare.message) = ("transport-\(error.code)", "\(error)")
    } catch {
        (fare.code, fare.message) = ("other", "\(error)")
    }
    let end = ContinuousClock.now
    fare.milliseconds = milliseconds(end - start)
    fare.late = milliseconds(end - deadline)
    return fare
}

/// Raises the number of descriptors as far as this user may.
func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

raiseDescriptorLimit()
let input = FileHandle.standardInput.readDataToEndOfFile()
let job = try JSONDecoder().decode(Job.self, from: input)
if job.cannotWrite == true { forbidWriting() }
var logger = Logger(label: "crowd") { StreamLogHandler.standardError(label: $0) }
logger.logLevel = ProcessInfo.processInfo.environment["CROWD_TRACE"] == nil ? .critical : .trace
let (files, kdcs) = (BlockingWorkers(), BlockingWorkers())
let connector = MongoConnector(
    group: MultiThreadedEventLoopGroup.singleton, pipelined: job.pipelined == true,
    kerberos: KerberosCredentialManager(files: files, kdcs: kdcs), logger: logger)

var steps: [[[Fare]]] = []
var latenesses: [Double] = []
var peak = 0
for step in job.steps {
    if let process = step.resume { kill(process, SIGCONT) }
    for (new, old) in step.replace ?? [:] { rename(new, old) }
    if let pause = step.afterSeconds { try await Task.sleep(for: .seconds(pause)) }
    var fares = step.groups.map { _ in [Fare]() }
    let control = Task { await lateness(of: step.groups.map(\.seconds).min() ?? 0) }
    let end = ContinuousClock.now + .seconds(step.forSeconds ?? 0)
    repeat {
        await withTaskGroup(of: (Int, Fare).self) { tasks in
            for (index, group) in step.groups.enumerated() {
                for _ in 0..<group.count {
                    tasks.addTask { (index, await authenticate(group, with: connector)) }
                }
            }
            for await (index, fare) in tasks {
                fares[index].append(fare)
                peak = max(peak, threads())
            }
        }
        // At this rate and not at full speed: other tests need the machine too.
        if ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(50)) }
    } while ContinuousClock.now < end
    steps.append(fares)
    control.cancel()
    latenesses.append(max(0, await control.value))
}
// The C library gives up by itself after a while.
let bound = ContinuousClock.now + .seconds(90)
while ContinuousClock.now < bound,
    [files, kdcs].contains(where: { $0.statistics.active + $0.statistics.abandoned > 0 })
{
    try await Task.sleep(for: .milliseconds(10))
}
let outcome = Outcome(
    steps: steps, lateness: latenesses, workers: [files, kdcs].map { "\($0.statistics)" },
    threads: threads(), peakThreads: peak)
print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))
fflush(nil)
_exit(0)

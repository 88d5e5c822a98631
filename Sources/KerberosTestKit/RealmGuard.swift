import Glibc
internal import Subprocess
internal import SystemPackage

/// The process that owns a realm's KDC and folder; it briefly outlives the process that started it.
///
/// A process that is killed by SIGKILL cannot clean up after itself. So a shell does it: it makes the folder, starts
/// and stops the KDC, its own child or a container, and reads requests from a socket whose other end only we hold.
/// However we end, that socket closes, and the shell gets end of file, kills the KDC and removes the folder.
///
/// The socket is close-on-exec, so that programs we start in the meantime do not keep it open. It is a socket and not
/// a pipe because writing to a dead peer must not raise SIGPIPE in our process.
final class RealmGuard: Sendable {
    private struct Request: Sendable {
        let line: String
        let reply: CheckedContinuation<String?, Never>
    }

    /// What the guard manages: a shell script with its arguments.
    struct Charge: Sendable {
        var script: String
        var arguments: [String]

        /// A KDC as the shell's own child, by its command line; it must stay in the foreground.
        static func process(folder: String, command: [String]) -> Charge {
            Charge(script: RealmGuard.processScript + RealmGuard.loop, arguments: [folder] + command)
        }

        /// A KDC in a container. Ports are published on the loopback addresses that this machine has.
        static func container(_ engine: ContainerEngine, realm: String, addresses: [String]) -> Charge {
            let words = engine.runWords + ["--detach", "--no-healthcheck", "--name", engine.name]
            return Charge(
                script: RealmGuard.containerScript + RealmGuard.loop,
                arguments: [
                    engine.files.folder, engine.program, realm, engine.name, engine.image,
                    addresses.map(\.bracketed).joined(separator: " "),
                ] + words)
        }
    }

    /// Arguments: folder, and the words that start the KDC.
    ///
    /// The KDC is reaped only in `halt`, so its process id cannot be reused before that.
    private static let processScript = """
        trap '' HUP INT QUIT TERM PIPE
        folder=$1 kdc=
        shift
        halt() {
            if [ -n "$kdc" ]; then kill -KILL "$kdc"; wait "$kdc"; fi
            kdc=
        }
        start() {
            shift
            "$@" </dev/null >"$folder/kdc.out" 2>&1 &
            kdc=$!
            echo "$kdc"
        }
        freeze() { kill -STOP "$kdc"; }
        thaw() { kill -CONT "$kdc"; }
        alive() {
            [ -n "$kdc" ] && read -r state <"/proc/$kdc/stat" &&
                case $state in *") Z "* | *") X "*) false ;; esac
        }
        """

    /// Arguments: folder, engine, realm, container's name, image, addresses, and the engine's words for a new
    /// container.
    private static let containerScript = """
        trap '' HUP INT QUIT TERM PIPE
        folder=$1 engine=$2 realm=$3 name=$4 image=$5 addresses=$6
        shift 6
        halt() {
            for each in $("$engine" ps --all --quiet --filter "label=kerberos-realm=$name"); do
                "$engine" logs "$each" >>"$folder/kdc.out" 2>&1
                "$engine" rm --force --volumes "$each" >/dev/null
            done
        }
        start() {
            port=$1
            shift
            ports=
            for address in $addresses; do
                for kind in tcp udp; do ports="$ports --publish $address:$port:$port/$kind"; done
            done
            if "$engine" "$@" $ports "$image" krb5kdc -n -r "$realm" </dev/null >"$folder/kdc.out" 2>&1; then
                echo 0
            else
                echo failed
            fi
        }
        freeze() { "$engine" pause "$name" >/dev/null; }
        thaw() { "$engine" unpause "$name" >/dev/null; }
        alive() { [ "$("$engine" inspect --format '{{.State.Running}}' "$name")" = true ]; }
        """

    /// One output line for each input line, and one at the start.
    private static let loop = """

        mkdir -m 700 -- "$folder" || exit 1
        echo ready
        while read -r request port; do
            case $request in
            start) halt; start "$port" "$@" ;;
            halt) halt; echo halted ;;
            pause) if freeze; then echo paused; else echo failed; fi ;;
            resume) if thaw; then echo resumed; else echo failed; fi ;;
            alive) if alive; then echo yes; else echo no; fi ;;
            *) echo failed ;;
            esac
        done
        halt
        tries=0
        while [ -e "$folder" ] && [ "$tries" -lt 100 ]; do
            rm -rf -- "$folder" || sleep 0.05
            tries=$((tries + 1))
        done
        """

    private let requests: AsyncStream<Request>.Continuation
    private let life: Task<Void, Never>

    /// Starts the guard, which makes `folder`.
    init(
        _ charge: Charge, folder: String, environment: [String: String]
    ) async throws(KerberosTestKitError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw KerberosTestKitError(
                .fileSystem, "no socket pair for the realm's guard: \(String(cString: strerror(errno)))")
        }
        let ours = ends[0]
        let theirs = FileDescriptor(rawValue: ends[1])
        let (stream, continuation) = AsyncStream.makeStream(of: Request.self)
        requests = continuation
        life = Task {
            var open = true
            var options = PlatformOptions()
            // A session of its own: Ctrl-C in a terminal reaches us and not the guard, which then still cleans up.
            options.createSession = true
            _ = try? await Subprocess.run(
                .path("/bin/sh"),
                arguments: Arguments(["-c", charge.script, "kerberos-realm-guard"] + charge.arguments),
                environment: .of(environment),
                platformOptions: options,
                input: .fileDescriptor(theirs, closeAfterSpawningProcess: true),
                output: .sequence,
                error: .discarded
            ) { execution in
                var replies = execution.standardOutput.strings().makeAsyncIterator()
                for await request in stream {
                    guard request.line.isEmpty || Self.send("\(request.line)\n", to: ours) else {
                        request.reply.resume(returning: nil)
                        continue
                    }
                    let reply = try? await replies.next()
                    request.reply.resume(returning: reply.map { $0.filter { !$0.isNewline } })
                }
                // The end of the shell's input: it cleans up and exits, and only then does `run` return.
                close(ours)
                open = false
            }
            if open { close(ours) }
            // Reached with requests left only when the shell could not be started.
            continuation.finish()
            for await request in stream {
                request.reply.resume(returning: nil)
            }
        }
        guard await ask("") == "ready" else {
            await finish()
            throw KerberosTestKitError(.fileSystem, "the realm's folder \(folder) could not be made")
        }
    }

    deinit {
        requests.finish()
    }

    /// Starts the KDC, after stopping the one that runs, and returns its process id at once; `nil` for a container.
    func startKDC(port: UInt16) async throws(KerberosTestKitError) -> pid_t? {
        guard let reply = await ask("start \(port)") else {
            throw KerberosTestKitError(.stopped, "the realm was stopped, or its guard process was killed")
        }
        guard let process = pid_t(reply) else {
            throw KerberosTestKitError(.kdcFailed, "the KDC could not be started")
        }
        return process == 0 ? nil : process
    }

    /// Whether the KDC still exists; it may have ended by itself.
    func isAlive() async -> Bool {
        await ask("alive") == "yes"
    }

    /// Stops the KDC, and returns once it is gone.
    func haltKDC() async throws(KerberosTestKitError) {
        try await expect("halted", from: "halt")
    }

    /// Pauses the KDC: it keeps its sockets and answers nothing.
    func pauseKDC() async throws(KerberosTestKitError) {
        try await expect("paused", from: "pause")
    }

    /// Resumes a paused KDC.
    func resumeKDC() async throws(KerberosTestKitError) {
        try await expect("resumed", from: "resume")
    }

    /// Ends the guard, and with it KDC and folder; returns once all are removed.
    func finish() async {
        requests.finish()
        await life.value
    }

    private func expect(_ expected: String, from line: String) async throws(KerberosTestKitError) {
        let reply = await ask(line)
        guard reply == expected else {
            throw KerberosTestKitError(
                reply == nil ? .stopped : .kdcFailed,
                reply == nil ? "the realm was stopped, or its guard process was killed" : "the KDC does not run")
        }
    }

    /// One line to the guard and its answer; the empty line only awaits the next answer.
    private func ask(_ line: String) async -> String? {
        await withCheckedContinuation { reply in
            if case .enqueued = requests.yield(Request(line: line, reply: reply)) { return }
            reply.resume(returning: nil)
        }
    }

    private static func send(_ text: String, to socket: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}

import Foundation

// A small server that demands GSSAPI and misbehaves in one named way, for tests of clients.
//
//     scripted-acceptor --misbehaviour NAME --keytab FILE [--listen 127.0.0.1|::1] [--port N] [--record FILE]
//     scripted-acceptor --list
//
// It prints one line of JSON with its address when it listens, and ends when its standard input does.

/// The command line.
struct Arguments {
    var misbehaviour = Misbehaviour.none
    var keytab = ""
    var host = "127.0.0.1"
    /// 0 is a free one.
    var port: UInt16 = 0
    var record: String?
    /// An arbiter that the server's hello lists, as `host:port`.
    var arbiter: String?
    var lists = false

    init(_ words: [String]) throws {
        var rest = words[...]
        while let option = rest.popFirst() {
            if option == "--list" {
                lists = true
                continue
            }
            guard let value = rest.popFirst() else { throw AcceptorError("\(option) needs a value") }
            switch option {
            case "--misbehaviour":
                guard let known = Misbehaviour(named: value) else {
                    throw AcceptorError("there is no misbehaviour \(value); see --list")
                }
                misbehaviour = known
            case "--keytab": keytab = value
            case "--listen": host = value
            case "--port":
                guard let number = UInt16(value) else { throw AcceptorError("--port takes a number, not \(value)") }
                port = number
            case "--record": record = value
            case "--arbiter": arbiter = value
            default: throw AcceptorError("unknown option \(option)")
            }
        }
    }
}

func serve(_ arguments: Arguments) throws {
    let (listener, port) = try Socket.listening(on: arguments.host, port: arguments.port)
    let recorder = Recorder(path: arguments.record)
    let members = arguments.arbiter.map { Members(own: "\(arguments.host):\(port)", arbiter: $0) }
    let misbehaviour = arguments.misbehaviour
    let keytab = arguments.keytab
    Thread.detachNewThread {
        while let socket = try? listener.accept() {
            Thread.detachNewThread {
                Session(
                    socket: socket, misbehaviour: misbehaviour, keytab: keytab, recorder: recorder, members: members
                ).run()
            }
        }
    }
    print(#"{"listening":[{"host":"\#(arguments.host)","port":\#(port)}]}"#)
    fflush(nil)
    while readLine() != nil {}
}

do {
    let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
    if arguments.lists {
        for misbehaviour in Misbehaviour.allCases { print(misbehaviour.name) }
    } else {
        try serve(arguments)
    }
} catch {
    FileHandle.standardError.write(Data("scripted-acceptor: \(error)\n".utf8))
    exit(64)
}

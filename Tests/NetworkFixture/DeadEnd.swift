import Glibc
import NameResolution
import TestSupport

/// An address that neither accepts nor refuses: a listener whose queue is full drops what comes.
struct DeadEnd {
    private let descriptors: [Int32]

    init(_ place: ServerProcess.Address) throws {
        guard let ip = IPAddress(place.host), let port = UInt16(exactly: place.port) else {
            throw TestSupportError("\(place.host) port \(place.port) is no address")
        }
        let listener = try ServiceDNSServer.socket(ip, SOCK_STREAM)
        guard ServiceDNSServer.bind(listener, ip, port), listen(listener, 0) == 0 else {
            throw TestSupportError("\(ip) port \(port): \(String(cString: strerror(errno)))")
        }
        var descriptors = [listener]
        while descriptors.count < 16 {
            let filler = try ServiceDNSServer.socket(ip, SOCK_STREAM)
            descriptors.append(filler)
            _ = fcntl(filler, F_SETFL, O_NONBLOCK)
            if ServiceDNSServer.connect(filler, ip, port) { continue }
            var entry = pollfd(fd: filler, events: Int16(POLLOUT), revents: 0)
            guard poll(&entry, 1, 200) == 0 else { continue }
            self.descriptors = descriptors
            return
        }
        throw TestSupportError("\(ip) port \(port) takes connections with a full queue")
    }
}

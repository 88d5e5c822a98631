/// The location of a KDC, from the configuration or the DNS.
public struct KDCLocation: Sendable, Hashable {
    /// How a KDC can be asked: UDP, TCP or a proxy.
    public enum Transport: String, Sendable, Hashable {
        /// UDP and TCP.
        case any
        /// UDP only.
        case udp
        /// TCP only.
        case tcp
        /// An HTTPS proxy (MS-KKDCP).
        case https
    }

    /// Who says so.
    public enum Source: Sendable, Hashable {
        /// A line `kdc =` of the configuration, verbatim.
        case configuration(entry: String)
        /// SRV records of a name.
        case dns(name: String)
    }

    /// A name, or an address without brackets.
    public var host: String
    /// Where it listens, 88 unless the configuration or the DNS says otherwise.
    public var port: UInt16
    /// How this KDC can be asked: UDP, TCP or a proxy.
    public var transport: Transport
    /// Who says so.
    public var source: Source

    /// Creates a location; nothing is checked.
    public init(host: String, port: UInt16, transport: Transport, source: Source) {
        (self.host, self.port, self.transport, self.source) = (host, port, transport, source)
    }

    /// Reads the value of a line `kdc =`, as libkrb5 does: `host`, `host:port`, `[v6]:port`, `https://host:port/path`.
    /// It has no other prefixes: `tcp/host`, which is Heimdal's syntax, is the name of a host.
    ///
    /// - Returns: `nil` for what it refuses, which makes it refuse all of the realm's KDCs.
    public init?(entry: String) {
        var text = Array(entry.utf8)[...]
        var standardPort: UInt16 = 88
        transport = .any
        let scheme = "https://".utf8
        if text.starts(with: scheme) {
            text = text.dropFirst(scheme.count).prefix { $0 != UInt8(ascii: "/") }
            (transport, standardPort) = (.https, 443)
        }
        let colon = UInt8(ascii: ":")
        guard let first = text.first, first != colon else { return nil }
        // Digits alone are a port without a host.
        guard !text.allSatisfy(\.isDigit) else { return nil }
        var name: ArraySlice<UInt8>
        var digits: ArraySlice<UInt8>?
        if first == UInt8(ascii: "["), let end = text.firstIndex(of: UInt8(ascii: "]")) {
            name = text[(text.startIndex + 1)..<end]
            let rest = text[(end + 1)...]
            digits = rest.first == colon ? rest.dropFirst() : nil
        } else {
            name = text.prefix { $0 != colon && $0 != 0x20 && $0 != 0x09 }
            let rest = text[name.endIndex...]
            digits = rest.first == colon ? rest.dropFirst() : nil
        }
        guard !name.isEmpty else { return nil }
        if let found = digits {
            guard let number = UInt16(String(decoding: found.prefix(while: \.isDigit), as: UTF8.self)),
                found.drop(while: \.isDigit).allSatisfy({ $0 == 0x20 || $0 == 0x09 })
            else { return nil }
            port = number
        } else {
            port = standardPort
        }
        host = String(decoding: name, as: UTF8.self)
        source = .configuration(entry: entry)
    }
}

extension KDCLocation: CustomStringConvertible {
    /// Host and port: `kdc1.example.com:88`, `[2001:db8::1]:88`.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

import Glibc

/// The processor time and memory that this process used over an interval.
struct Measurement {
    var latencies: [Duration] = []
    var failed = 0
    private let start = ContinuousClock.now
    private let usage = Self.usage()
    private let resident = Self.residentKiB()

    /// Prints the usage since the start, as one line of JSON with the keys that all clients print.
    func end() {
        let wall = ContinuousClock.now - start
        let now = Self.usage()
        let residentNow = Self.residentKiB()
        let microseconds = latencies.map { "\(Int($0 / .microseconds(1)))" }.joined(separator: ",")
        print(
            """
            {"count": \(latencies.count), "failed": \(failed), "wall": \(wall / .seconds(1)), \
            "cpu": \(now.cpu - usage.cpu), "switches": \(now.switches - usage.switches), \
            "resident_kib": \(residentNow - resident), "peak_kib": \(now.peak), "latencies": [\(microseconds)]}
            """)
        fflush(nil)
    }

    private static func usage() -> (cpu: Double, switches: Int, peak: Int) {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        return (Double(seconds) + Double(microseconds) / 1e6, usage.ru_nvcsw, usage.ru_maxrss)
    }

    private static func residentKiB() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize()) / 1024
    }
}

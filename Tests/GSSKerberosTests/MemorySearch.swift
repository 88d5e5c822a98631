import Foundation
import Glibc
import Testing

/// Counts bytes in the heap, the stacks and whatever else of this process's memory is not of a file.
func occurrences(of needle: UnsafeRawBufferPointer) throws -> Int {
    let memory = open("/proc/self/mem", O_RDONLY)
    defer { close(memory) }
    let base = try #require(needle.baseAddress)
    let window = 1 << 20
    let length = window + needle.count - 1
    let buffer = try #require(mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { munmap(buffer, length) }
    // What is copied there would be found once more.
    let own = UInt(bitPattern: buffer)..<UInt(bitPattern: buffer + length)
    var count = 0
    for range in try writableMemory() {
        for start in touched(range, window: UInt(window)) {
            // What lies across the edge is found from this side.
            let got = pread(memory, buffer, min(length, Int(range.upperBound - start)), Int(start))
            guard got >= needle.count else { continue }
            var next = buffer
            while let hit = memchr(next, Int32(needle[0]), buffer + got - needle.count + 1 - next) {
                let isOwn = own.contains(start + UInt(hit - buffer))
                if !isOwn, memcmp(hit, base, needle.count) == 0 { count += 1 }
                next = hit + 1
            }
        }
    }
    return count
}

/// Where memory is that can be written and is no file's. The data of a program's file has the password too: as the
/// literal that the tests have it from.
private func writableMemory() throws -> [Range<UInt>] {
    // Not `String(contentsOfFile:)`: it takes the first piece of such a file for the whole.
    let maps = try #require(try FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd())
    return String(decoding: maps, as: UTF8.self).split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ")
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        let isAnonymous = fields.count < 6 || fields[5].hasPrefix("[")
        return fields[1].hasPrefix("rw") && isAnonymous && ends.count == 2 ? ends[0]..<ends[1] : nil
    }
}

/// The beginnings of the windows of a range in which there is a page that was ever touched. A sanitizer has terabytes
/// that never were: reading them would make all those pages.
private func touched(_ range: Range<UInt>, window: UInt) -> [UInt] {
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let stretch: UInt = 1 << 30
    let count = Int(stretch / page)
    let isResident = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
    defer { isResident.deallocate() }
    var windows: [UInt] = []
    for start in stride(from: range.lowerBound, to: range.upperBound, by: Int(stretch)) {
        let end = min(start + stretch, range.upperBound)
        // Memory that was unmapped meanwhile is skipped.
        guard mincore(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), isResident) == 0 else { continue }
        let pages = Int((end - start) / page)
        var first = 0
        while first < pages, let hit = memchr(isResident + first, 1, pages - first) {
            let index = UInt(hit - UnsafeMutableRawPointer(isResident)) * page / window
            windows.append(start + index * window)
            first = Int((index + 1) * window / page)
        }
    }
    return windows
}

#if canImport(Glibc)
import Glibc
#endif

/// How this process gives memory back.
enum ProcessMemory {
    /// Makes blocks of 128 KiB and more go back to the system when they are freed.
    ///
    /// glibc does that at first, but raises the size to that of every such block that is freed. After the first reply of
    /// a megabyte the following ones come from heaps that do not shrink, and the peak of a check of many hosts with long
    /// replies, or of a large credential cache, rises by a fifth to a third.
    static func returnLargeBlocks() {
        #if canImport(Glibc)
        // Swift's module of glibc leaves malloc.h out.
        typealias MallOpt = @convention(c) (CInt, CInt) -> CInt
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mmapThreshold: CInt = -3
        _ = unsafeBitCast(symbol, to: MallOpt.self)(mmapThreshold, 128 << 10)
        #endif
    }
}

import Glibc

/// Whether a sanitizer's runtime is in this process, and in the programs that were built with it: it keeps what was freed.
package var isSanitized: Bool { dlsym(nil, "__asan_init") != nil || isThreadSanitized }

/// Whether it is ThreadSanitizer's, with which a program is many times slower.
package var isThreadSanitized: Bool { dlsym(nil, "__tsan_init") != nil }

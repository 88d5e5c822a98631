// The resources used between two points of a process, as one line of JSON with the keys that all clients print.
#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static inline long resident_kib(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

struct measurement {
    double start;
    struct rusage usage;
    long resident;
};

static inline struct measurement begin(void) {
    struct measurement m;
    m.resident = resident_kib();
    getrusage(RUSAGE_SELF, &m.usage);
    m.start = now();
    return m;
}

static inline double cpu(const struct rusage *u) {
    return u->ru_utime.tv_sec + u->ru_stime.tv_sec + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static inline void end(struct measurement m, const double *latencies, int count, int failed) {
    struct rusage usage;
    double wall = now() - m.start;
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"count\": %d, \"failed\": %d, \"wall\": %f, \"cpu\": %f, \"switches\": %ld, \"resident_kib\": %ld, "
        "\"peak_kib\": %ld, \"latencies\": [",
        count, failed, wall, cpu(&usage) - cpu(&m.usage), usage.ru_nvcsw - m.usage.ru_nvcsw,
        resident_kib() - m.resident, usage.ru_maxrss);
    for (int i = 0; i < count; i++) printf("%s%.0f", i ? "," : "", latencies[i] * 1e6);
    printf("]}\n");
    fflush(stdout);
}

static inline void raise_descriptor_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#endif

// libmongoc as a peer: a new client, one ping, and the end of the client, for each authentication.
//
//     libmongoc sequential URI COUNT
//     libmongoc concurrent URI COUNT      one pool, and a thread for each of its clients, all at once
//     libmongoc apart URI COUNT           the same without a pool: each thread has its own client
#define _GNU_SOURCE
#include <mongoc/mongoc.h>
#include <pthread.h>

#include "measure.h"

enum { WARM_UP = 20 };

static bool run_ping(mongoc_client_t *client) {
    bson_t *command = BCON_NEW("ping", BCON_INT32(1));
    bson_error_t error;
    bool fine = mongoc_client_command_simple(client, "admin", command, NULL, NULL, &error);
    if (!fine) fprintf(stderr, "%s\n", error.message);
    bson_destroy(command);
    return fine;
}

static mongoc_client_pool_t *pool;
static mongoc_uri_t *uri;
static double *latencies;
static bool *succeeded;
static pthread_barrier_t barrier, over;

static void *one_of_many(void *argument) {
    size_t index = (size_t)argument;
    pthread_barrier_wait(&barrier);
    double start = now();
    mongoc_client_t *client = pool ? mongoc_client_pool_pop(pool) : mongoc_client_new_from_uri(uri);
    succeeded[index] = run_ping(client);
    latencies[index] = now() - start;
    pthread_barrier_wait(&over);
    pthread_barrier_wait(&barrier);
    if (pool) mongoc_client_pool_push(pool, client);
    else mongoc_client_destroy(client);
    return NULL;
}

int main(int words, char **word) {
    if (words < 4) return 64;
    raise_descriptor_limit();
    mongoc_init();
    int count = atoi(word[3]), failed = 0;
    latencies = calloc(count, sizeof *latencies);
    succeeded = calloc(count, sizeof *succeeded);
    uri = mongoc_uri_new(word[2]);
    if (!latencies || !succeeded || !uri) return 1;
    if (strcmp(word[1], "sequential") != 0) {
        long resident = resident_kib();
        pthread_t *threads = calloc(count, sizeof *threads);
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 256 << 10);
        pthread_barrier_init(&barrier, NULL, count + 1);
        pthread_barrier_init(&over, NULL, count + 1);
        for (long i = 0; i < count; i++)
            if (pthread_create(threads + i, &attributes, one_of_many, (void *)i)) return 1;
        struct measurement m = begin();
        m.resident = resident;
        mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, count);
        if (strcmp(word[1], "concurrent") == 0) pool = mongoc_client_pool_new(uri);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&over);
        for (int i = 0; i < count; i++) failed += !succeeded[i];
        end(m, latencies, count, failed);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
        return 0;
    }
    struct measurement m = begin();
    for (int i = -WARM_UP; i < count; i++) {
        if (i == 0) m = begin();
        double start = now();
        mongoc_client_t *client = mongoc_client_new_from_uri(uri);
        bool fine = run_ping(client);
        mongoc_client_destroy(client);
        if (i < 0) continue;
        failed += !fine;
        latencies[i] = now() - start;
    }
    end(m, latencies, count, failed);
    mongoc_uri_destroy(uri);
    mongoc_cleanup();
}

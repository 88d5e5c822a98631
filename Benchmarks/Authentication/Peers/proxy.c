// A TCP proxy that forwards every byte after a fixed delay, in both directions.
//
//     proxy LISTEN-PORT SERVER-PORT MICROSECONDS      on 127.0.0.1; prints "ready" once it listens
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "measure.h"
#include "wire.h"

static double delay;
static int server_port;

struct chunk {
    struct chunk *next;
    double due;
    ssize_t length;
    uint8_t data[16384];
};
struct direction {
    int from, to, over;
    struct chunk *first, **last;
};

static int dial(int port, int listens) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7F000001)};
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int failed = listens ? bind(descriptor, (void *)&address, sizeof address) || listen(descriptor, 4096)
                         : connect(descriptor, (void *)&address, sizeof address);
    if (failed) {
        perror("proxy");
        exit(1);
    }
    return descriptor;
}

// A chunk of length 0 marks the end of a stream.
static void take(struct direction *d) {
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk) abort();
    chunk->length = read(d->from, chunk->data, sizeof chunk->data);
    if (chunk->length < 0) chunk->length = 0;
    chunk->due = now() + delay;
    chunk->next = NULL;
    *d->last = chunk;
    d->last = &chunk->next;
    if (chunk->length == 0) d->from = -1;
}

static void give(struct direction *d) {
    while (d->first && d->first->due <= now()) {
        struct chunk *chunk = d->first;
        d->first = chunk->next;
        if (!d->first) d->last = &d->first;
        if (chunk->length == 0 || send(d->to, chunk->data, chunk->length, MSG_NOSIGNAL) != chunk->length) {
            shutdown(d->to, SHUT_WR);
            d->over = 1;
        }
        free(chunk);
    }
}

static void *serve(void *argument) {
    int client = (int)(long)argument, server = dial(server_port, 0);
    struct direction ways[2] = {{client, server, 0, NULL, NULL}, {server, client, 0, NULL, NULL}};
    for (int i = 0; i < 2; i++) ways[i].last = &ways[i].first;
    while (!ways[0].over || !ways[1].over) {
        struct pollfd polled[2];
        double due = 1e18;
        for (int i = 0; i < 2; i++) {
            polled[i] = (struct pollfd){ways[i].from, POLLIN, 0};
            if (ways[i].first && ways[i].first->due < due) due = ways[i].first->due;
        }
        double wait = due - now() > 0 ? due - now() : 0;
        struct timespec timeout = {(time_t)wait, (long)((wait - (time_t)wait) * 1e9)};
        ppoll(polled, 2, due < 1e17 ? &timeout : NULL, NULL);
        for (int i = 0; i < 2; i++) {
            if (polled[i].revents) take(&ways[i]);
            give(&ways[i]);
        }
    }
    close(client);
    close(server);
    return NULL;
}

int main(int count, char **words) {
    if (count != 4) return 64;
    server_port = atoi(words[2]);
    delay = atof(words[3]) / 1e6;
    raise_descriptor_limit();
    int listener = dial(atoi(words[1]), 1), one = 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        int accepted = accept(listener, NULL, NULL);
        if (accepted < 0) continue;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(long)accepted)) close(accepted);
        else pthread_detach(thread);
    }
}

// The server for all clients of the benchmark: hello, GSSAPI with layer "none", ping. As fast as possible in a few
// lines: a thread with an epoll set for each processor, keys in memory, no replay cache.
//
//     server KEYTAB PORT THREADS ADDRESS...      prints "ready" once it listens
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "CGSSAcceptor.h"
#include "wire.h"

struct connection {
    int descriptor;
    int listens;
    struct acceptor acceptor;
    struct bytes input, output;
};

static const char *keytab;

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode64(const uint8_t *in, size_t length, char *out) {
    size_t count = 0;
    for (size_t i = 0; i < length; i += 3) {
        uint32_t v = in[i] << 16 | (i + 1 < length ? in[i + 1] << 8 : 0) | (i + 2 < length ? in[i + 2] : 0);
        out[count++] = digits[v >> 18];
        out[count++] = digits[v >> 12 & 63];
        out[count++] = i + 1 < length ? digits[v >> 6 & 63] : '=';
        out[count++] = i + 2 < length ? digits[v & 63] : '=';
    }
    return count;
}

static int8_t values[256];

static size_t decode64(const char *in, size_t length, uint8_t *out) {
    size_t count = 0;
    uint32_t v = 0;
    int bits = 0;
    for (size_t i = 0; i < length && in[i] != '='; i++) {
        if (values[(uint8_t)in[i]] < 0) continue;
        v = v << 6 | values[(uint8_t)in[i]];
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[count++] = v >> bits;
        }
    }
    return count;
}

static void put_hello(struct bytes *out) {
    field_bool(out, "helloOk", 1);
    field_bool(out, "isWritablePrimary", 1);
    field_bool(out, "ismaster", 1);
    field_int32(out, "maxBsonObjectSize", 16777216);
    field_int32(out, "maxMessageSizeBytes", 48000000);
    field_int32(out, "maxWriteBatchSize", 100000);
    field_int32(out, "connectionId", 1);
    field_int32(out, "minWireVersion", 0);
    // No logicalSessionTimeoutMinutes: with sessions some drivers would send one more command.
    field_int32(out, "maxWireVersion", 21);
    field_bool(out, "readOnly", 0);
}

static void put_error(struct bytes *out, int32_t code, const char *name, const char *text) {
    field_double(out, "ok", 0);
    field_string(out, "errmsg", text, strlen(text));
    field_int32(out, "code", code);
    field_string(out, "codeName", name, strlen(name));
}

static void put_sasl(struct acceptor_keys *keys, struct connection *c, const uint8_t *command, int starts) {
    uint8_t type = 0, *token = NULL;
    size_t length = 0;
    int status = ACCEPTOR_FAILED;
    const uint8_t *payload = find(command, "payload", &type);
    if (starts) acceptor_reset(&c->acceptor);
    if (payload && type == 0x05) {
        status = acceptor_step(keys, &c->acceptor, payload + 5, get_int32(payload), &token, &length);
    } else if (payload && type == 0x02) {
        size_t count = get_int32(payload) - 1;
        uint8_t *decoded = malloc(count + 3);
        if (decoded) {
            count = decode64((const char *)payload + 4, count, decoded);
            status = acceptor_step(keys, &c->acceptor, decoded, count, &token, &length);
            free(decoded);
        }
    }
    if (status == ACCEPTOR_FAILED) {
        put_error(&c->output, 18, "AuthenticationFailed", "Authentication failed.");
        return;
    }
    field_int32(&c->output, "conversationId", 1);
    field_bool(&c->output, "done", status == ACCEPTOR_DONE);
    if (type == 0x02) {
        char *text = malloc(length * 4 / 3 + 8);
        if (text) {
            field_string(&c->output, "payload", text, encode64(token, length, text));
            free(text);
        }
    } else {
        field_binary(&c->output, "payload", token, length);
    }
    acceptor_free(token);
    // A finished context is no longer needed: only the client's memory and time are measured.
    if (status == ACCEPTOR_DONE) acceptor_reset(&c->acceptor);
    field_double(&c->output, "ok", 1);
}

static void answer(struct acceptor_keys *keys, struct connection *c, const uint8_t *message) {
    int32_t code = get_int32(message + 12);
    const uint8_t *command = message + 21;
    if (code == OP_QUERY) command = message + 20 + strlen((const char *)message + 20) + 1 + 8;
    size_t start = begin_message(&c->output, 1, get_int32(message + 4), code == OP_QUERY ? OP_REPLY : OP_MSG);
    const char *name = (const char *)command + 5;
    if (strcmp(name, "saslStart") == 0 || strcmp(name, "saslContinue") == 0) {
        put_sasl(keys, c, command, name[4] == 'S');
    } else if (strcasecmp(name, "hello") == 0 || strcasecmp(name, "ismaster") == 0) {
        put_hello(&c->output);
        field_double(&c->output, "ok", 1);
    } else if (strcmp(name, "ping") == 0 || strcmp(name, "endSessions") == 0) {
        field_double(&c->output, "ok", 1);
    } else {
        put_error(&c->output, 59, "CommandNotFound", "no such command");
    }
    end_message(&c->output, start);
}

static void hang_up(struct connection *c) {
    close(c->descriptor);
    acceptor_reset(&c->acceptor);
    free(c->input.data);
    free(c->output.data);
    free(c);
}

static void serve(struct acceptor_keys *keys, struct connection *c) {
    reserve(&c->input, 16384);
    ssize_t count = read(c->descriptor, c->input.data + c->input.length, c->input.capacity - c->input.length);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        hang_up(c);
        return;
    }
    c->input.length += count;
    size_t at = 0;
    while (c->input.length - at >= 26) {
        size_t length = get_int32(c->input.data + at);
        if (length < 26 || length > 1 << 24) {
            hang_up(c);
            return;
        }
        if (c->input.length - at < length) break;
        answer(keys, c, c->input.data + at);
        at += length;
    }
    c->input.length -= at;
    memmove(c->input.data, c->input.data + at, c->input.length);
    if (c->output.length) {
        ssize_t sent = write(c->descriptor, c->output.data, c->output.length);
        // An answer is much smaller than a socket's buffer.
        if (sent != (ssize_t)c->output.length) {
            hang_up(c);
            return;
        }
        c->output.length = 0;
    }
}

struct job {
    char **addresses;
    int port;
};

static int watch(int set, int descriptor, int listens) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c) return -1;
    c->descriptor = descriptor;
    c->listens = listens;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
}

static void *work(void *argument) {
    struct job *job = argument;
    struct acceptor_keys *keys = acceptor_keys_load(keytab);
    int set = epoll_create1(EPOLL_CLOEXEC), one = 1;
    if (!keys) exit(1);
    for (char **address = job->addresses; *address; address++) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(job->port)};
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(job->port)};
        int is6 = strchr(*address, ':') != NULL;
        inet_pton(is6 ? AF_INET6 : AF_INET, *address, is6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
        int listener = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        if (bind(listener, is6 ? (void *)&v6 : (void *)&v4, is6 ? sizeof v6 : sizeof v4) || listen(listener, 4096)
            || watch(set, listener, 1)) {
            perror(*address);
            exit(1);
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(set, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c->listens) {
                serve(keys, c);
                continue;
            }
            int accepted;
            while ((accepted = accept4(c->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                if (watch(set, accepted, 0)) close(accepted);
            }
        }
    }
    return NULL;
}

int main(int count, char **words) {
    if (count < 5) return 64;
    keytab = words[1];
    memset(values, -1, sizeof values);
    for (int i = 0; i < 64; i++) values[(uint8_t)digits[i]] = i;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct job job = {words + 4, atoi(words[2])};
    for (int i = 1; i < atoi(words[3]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, &job);
    }
    work(&job);
}

// The lowest possible cost of an authentication: one connection, five blocking writes and reads of handwritten messages, and
// five GSS calls with a credential that was acquired once.
//
//     floor sequential HOST PORT COUNT PRINCIPAL REALM [noping]
//     floor concurrent HOST PORT COUNT PRINCIPAL REALM        a thread for each, all at once
//     floor memory COUNT HOST REALM PRINCIPAL KEYTAB          without sockets, against an acceptor in memory
//
// With FLOOR_CACHE=memory in the environment, it first copies the credential cache into memory. Otherwise the library reads
// the file for each context, as it does for most programs.
#define _GNU_SOURCE
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "CGSSAcceptor.h"
#include "measure.h"
#include "wire.h"

enum { WARM_UP = 20 };

static gss_cred_id_t credential;
static gss_name_t target;
static const char *host, *port, *principal;
static bool ping = true;

// The name of an in-memory copy of the default cache. The copy lasts as long as the process.
static const char *copy_cache(void) {
    static char name[] = "MEMORY:floor";
    krb5_context context;
    krb5_ccache from, to;
    krb5_principal owner;
    if (krb5_init_context(&context) || krb5_cc_default(context, &from) || krb5_cc_get_principal(context, from, &owner)
        || krb5_cc_resolve(context, name, &to) || krb5_cc_initialize(context, to, owner)
        || krb5_cc_copy_creds(context, from, to)) {
        fputs("no cache\n", stderr);
        exit(1);
    }
    return name;
}

static void prepare(const char *service_host, const char *realm) {
    OM_uint32 minor;
    char text[512];
    snprintf(text, sizeof text, "mongodb/%s@%s", service_host, realm);
    gss_buffer_desc name = {strlen(text), text};
    const char *cache = getenv("FLOOR_CACHE");
    bool inMemory = cache && strcmp(cache, "memory") == 0;
    gss_key_value_element_desc element = {"ccache", inMemory ? copy_cache() : NULL};
    gss_key_value_set_desc store = {1, &element};
    if (gss_import_name(&minor, &name, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &target)
        || gss_acquire_cred_from(
            &minor, NULL, GSS_C_INDEFINITE, NULL, GSS_C_INITIATE, inMemory ? &store : NULL, &credential, NULL, NULL)) {
        fputs("no credential\n", stderr);
        exit(1);
    }
}

// One step of the client. `*context` is NULL before the first step; `*complete` says whether the context is complete.
static bool step(gss_ctx_id_t *context, bool *complete, gss_buffer_desc input, gss_buffer_desc *output) {
    OM_uint32 minor, flags = 0;
    *output = (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
    if (!*complete) {
        OM_uint32 major = gss_init_sec_context(
            &minor, credential, context, target, (gss_OID)gss_mech_krb5,
            GSS_C_MUTUAL_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG, 0, NULL, &input, NULL, output, &flags, NULL);
        if (GSS_ERROR(major)) return false;
        *complete = major == GSS_S_COMPLETE;
        return true;
    }
    gss_buffer_desc offer = GSS_C_EMPTY_BUFFER;
    if (gss_unwrap(&minor, *context, &input, &offer, NULL, NULL)) return false;
    bool fine = offer.length == 4 && ((uint8_t *)offer.value)[0] & 1;
    gss_release_buffer(&minor, &offer);
    uint8_t choice[512] = {1};
    size_t length = strlen(principal);
    memcpy(choice + 4, principal, length);
    gss_buffer_desc clear = {4 + length, choice};
    return fine && gss_wrap(&minor, *context, 0, GSS_C_QOP_DEFAULT, &clear, NULL, output) == 0;
}

static void forget(gss_ctx_id_t *context) {
    OM_uint32 minor;
    if (*context) gss_delete_sec_context(&minor, context, GSS_C_NO_BUFFER);
}

// Sends the message that begins at `start` and reads the whole answer into `in`.
static bool exchange(int descriptor, struct bytes *out, size_t start, struct bytes *in) {
    end_message(out, start);
    if (write(descriptor, out->data, out->length) != (ssize_t)out->length) return false;
    in->length = out->length = 0;
    reserve(in, 16384);
    do {
        ssize_t count = read(descriptor, in->data + in->length, in->capacity - in->length);
        if (count <= 0) return false;
        in->length += count;
    } while (in->length < 4 || (int32_t)in->length < get_int32(in->data));
    return true;
}

static int dial(void) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(host, port, &hints, &list)) return -1;
    int descriptor = -1, one = 1;
    for (struct addrinfo *a = list; a && descriptor < 0; a = a->ai_next) {
        descriptor = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor >= 0 && connect(descriptor, a->ai_addr, a->ai_addrlen)) {
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(list);
    if (descriptor >= 0) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return descriptor;
}

// The open connection, or -1.
static int authenticate(void) {
    int descriptor = dial();
    if (descriptor < 0) return -1;
    struct bytes out = {0}, in = {0};
    gss_ctx_id_t context = NULL;
    bool complete = false, fine;

    size_t start = begin_message(&out, 1, 0, OP_MSG);
    field_int32(&out, "hello", 1);
    field_bool(&out, "helloOk", 1);
    field_string(&out, "$db", "admin", 5);
    fine = exchange(descriptor, &out, start, &in);

    gss_buffer_desc input = GSS_C_EMPTY_BUFFER, output;
    for (int round = 0; fine && round < 3; round++) {
        // In the second round the context completes without a token: the answer is present but empty.
        OM_uint32 minor;
        if (!step(&context, &complete, input, &output)) {
            fine = false;
            break;
        }
        start = begin_message(&out, round + 2, 0, OP_MSG);
        if (round == 0) {
            field_int32(&out, "saslStart", 1);
            field_string(&out, "mechanism", "GSSAPI", 6);
        } else {
            field_int32(&out, "saslContinue", 1);
            field_int32(&out, "conversationId", 1);
        }
        field_binary(&out, "payload", output.value, output.length);
        field_string(&out, "$db", "$external", 9);
        gss_release_buffer(&minor, &output);
        fine = exchange(descriptor, &out, start, &in);
        uint8_t type = 0;
        const uint8_t *payload = fine ? find(in.data + 21, "payload", &type) : NULL;
        fine = payload && type == 0x05;
        if (fine) input = (gss_buffer_desc){get_int32(payload), (void *)(payload + 5)};
        if (fine && round == 2) {
            const uint8_t *done = find(in.data + 21, "done", &type);
            fine = done && *done == 1;
        }
    }
    forget(&context);
    if (fine && ping) {
        start = begin_message(&out, 5, 0, OP_MSG);
        field_int32(&out, "ping", 1);
        field_string(&out, "$db", "admin", 5);
        fine = exchange(descriptor, &out, start, &in);
    }
    free(out.data);
    free(in.data);
    if (fine) return descriptor;
    close(descriptor);
    return -1;
}

static double *latencies;
static int *descriptors;
static pthread_barrier_t barrier;

static void *one_of_many(void *argument) {
    size_t index = (size_t)argument;
    pthread_barrier_wait(&barrier);
    double start = now();
    descriptors[index] = authenticate();
    latencies[index] = now() - start;
    return NULL;
}

static int concurrent(int count) {
    long resident = resident_kib();
    pthread_t *threads = calloc(count, sizeof *threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_barrier_init(&barrier, NULL, count + 1);
    for (long i = 0; i < count; i++)
        if (pthread_create(threads + i, &attributes, one_of_many, (void *)i)) return 1;
    struct measurement m = begin();
    m.resident = resident;
    pthread_barrier_wait(&barrier);
    int failed = 0;
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++) failed += descriptors[i] < 0;
    end(m, latencies, count, failed);
    return 0;
}

static int memory(int count, const char *keytab) {
    struct acceptor_keys *keys = acceptor_keys_load(keytab);
    struct acceptor acceptor = {0};
    struct measurement m = begin();
    int failed = 0;
    if (!keys) return 1;
    for (int i = -WARM_UP; i < count; i++) {
        if (i == 0) m = begin();
        gss_ctx_id_t context = NULL;
        bool complete = false;
        double spent = 0;
        uint8_t *token = NULL;
        size_t length = 0;
        int status = ACCEPTOR_MORE;
        while (status == ACCEPTOR_MORE) {
            gss_buffer_desc output;
            OM_uint32 minor;
            double start = now();
            bool fine = step(&context, &complete, (gss_buffer_desc){length, token}, &output);
            spent += now() - start;
            acceptor_free(token);
            status = fine ? acceptor_step(keys, &acceptor, output.value, output.length, &token, &length)
                          : ACCEPTOR_FAILED;
            gss_release_buffer(&minor, &output);
        }
        if (status != ACCEPTOR_DONE) failed++;
        forget(&context);
        acceptor_reset(&acceptor);
        if (i >= 0) latencies[i] = spent;
    }
    end(m, latencies, count, failed);
    return 0;
}

int main(int count, char **words) {
    if (count < 7) return 64;
    raise_descriptor_limit();
    bool inMemory = strcmp(words[1], "memory") == 0;
    int times = atoi(words[inMemory ? 2 : 4]);
    latencies = calloc(times, sizeof *latencies);
    descriptors = calloc(times, sizeof *descriptors);
    if (!latencies || !descriptors) return 1;
    if (inMemory) {
        principal = words[5];
        prepare(words[3], words[4]);
        return memory(times, words[6]);
    }
    host = words[2];
    port = words[3];
    principal = words[5];
    ping = count < 8;
    prepare(host, words[6]);
    if (strcmp(words[1], "concurrent") == 0) return concurrent(times);
    int failed = 0;
    for (int i = 0; i < WARM_UP; i++) close(authenticate());
    struct measurement m = begin();
    for (int i = 0; i < times; i++) {
        double start = now();
        int descriptor = authenticate();
        if (descriptor < 0) failed++;
        else close(descriptor);
        latencies[i] = now() - start;
    }
    end(m, latencies, times, failed);
}

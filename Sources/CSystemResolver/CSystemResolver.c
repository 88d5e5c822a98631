#include "CSystemResolver.h"

#include <string.h>

#if defined(__GLIBC__) || defined(__APPLE__)

#include <sys/types.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>

static struct cresolv_server *next_server(struct cresolv_configuration *configuration) {
    if (configuration->server_count >= CRESOLV_MAX_SERVERS) return NULL;
    return &configuration->servers[configuration->server_count++];
}

static void add_version_4(struct cresolv_configuration *configuration, const struct sockaddr_in *address) {
    struct cresolv_server *server = next_server(configuration);
    if (server == NULL) return;
    memcpy(server->address, &address->sin_addr, 4);
    server->address_length = 4;
    server->port = ntohs(address->sin_port);
}

static void add_version_6(struct cresolv_configuration *configuration, const struct sockaddr_in6 *address) {
    struct cresolv_server *server = next_server(configuration);
    if (server == NULL) return;
    memcpy(server->address, &address->sin6_addr, 16);
    server->address_length = 16;
    server->scope = address->sin6_scope_id;
    server->port = ntohs(address->sin6_port);
}

static void read_servers(struct __res_state *state, struct cresolv_configuration *configuration) {
#if defined(__APPLE__)
    union res_sockaddr_union servers[CRESOLV_MAX_SERVERS];
    int count = res_getservers(state, servers, CRESOLV_MAX_SERVERS);
    for (int index = 0; index < count; index++) {
        if (servers[index].sin.sin_family == AF_INET) add_version_4(configuration, &servers[index].sin);
        if (servers[index].sin.sin_family == AF_INET6) add_version_6(configuration, &servers[index].sin6);
    }
#else
    for (int index = 0; index < state->nscount && index < MAXNS; index++) {
        /* An IPv6 server stands beside the list, and its place in the list has no family. */
        if (state->nsaddr_list[index].sin_family == AF_INET)
            add_version_4(configuration, &state->nsaddr_list[index]);
        else if (state->_u._ext.nsaddrs[index] != NULL)
            add_version_6(configuration, state->_u._ext.nsaddrs[index]);
    }
#endif
}

static void read_domains(const struct __res_state *state, struct cresolv_configuration *configuration) {
    if ((state->options & RES_DNSRCH) == 0) return;
    for (int index = 0; index < MAXDNSRCH && state->dnsrch[index] != NULL; index++) {
        size_t length = strlen(state->dnsrch[index]);
        if (length == 0 || length >= CRESOLV_MAX_NAME || configuration->domain_count >= CRESOLV_MAX_DOMAINS) continue;
        memcpy(configuration->domains[configuration->domain_count++], state->dnsrch[index], length + 1);
    }
}

int cresolv_read_configuration(struct cresolv_configuration *configuration) {
    struct __res_state state;
    memset(configuration, 0, sizeof *configuration);
    memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0) return -1;
    read_servers(&state, configuration);
    read_domains(&state, configuration);
    configuration->timeout_seconds = state.retrans;
    configuration->attempts = state.retry;
    configuration->uses_tcp = (state.options & RES_USEVC) != 0;
    configuration->rotates = (state.options & RES_ROTATE) != 0;
    res_nclose(&state);
    return 0;
}

#else

int cresolv_read_configuration(struct cresolv_configuration *configuration) {
    memset(configuration, 0, sizeof *configuration);
    return -1;
}

#endif

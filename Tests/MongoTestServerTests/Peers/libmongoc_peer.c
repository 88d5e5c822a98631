/*
 * Authenticates with the C driver, runs a command and prints one line of JSON about how that went.
 *
 * Usage: libmongoc_peer URI [COMMAND]
 */
#include <mongoc/mongoc.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    bson_error_t error = {0};
    bson_t reply = BSON_INITIALIZER;
    int status = 1;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: libmongoc_peer URI [COMMAND]\n");
        return 64;
    }
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new_with_error(argv[1], &error);
    mongoc_client_t *client = uri != NULL ? mongoc_client_new_from_uri_with_error(uri, &error) : NULL;
    if (client != NULL) {
        mongoc_client_set_error_api(client, MONGOC_ERROR_API_VERSION_2);
        bson_t *command = BCON_NEW(argc == 3 ? argv[2] : "connectionStatus", BCON_INT32(1));
        bson_destroy(&reply);
        if (mongoc_client_command_simple(client, "admin", command, NULL, &reply, &error)) {
            char *json = bson_as_relaxed_extended_json(&reply, NULL);
            printf("%s\n", json);
            bson_free(json);
            status = 0;
        }
        bson_destroy(command);
    }
    if (status != 0) {
        bson_t failure = BSON_INITIALIZER;
        BSON_APPEND_INT32(&failure, "domain", (int)error.domain);
        BSON_APPEND_INT32(&failure, "code", (int)error.code);
        BSON_APPEND_UTF8(&failure, "message", error.message);
        char *json = bson_as_relaxed_extended_json(&failure, NULL);
        printf("%s\n", json);
        bson_free(json);
        bson_destroy(&failure);
    }
    bson_destroy(&reply);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
    mongoc_cleanup();
    return status;
}

/* check NAME TIME ROOT CRL CHAIN...: the verdict on a chain, every file in DER. A file named "-" is none. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trustbridge.h"

static trustbridge_bytes read_file(const char *path) {
    trustbridge_bytes bytes = {NULL, 0};
    unsigned char *data = malloc(1 << 16);
    FILE *file = fopen(path, "rb");
    if (data == NULL || file == NULL) {
        perror(path);
        exit(2);
    }
    bytes.length = fread(data, 1, 1 << 16, file);
    bytes.data = data;
    fclose(file);
    return bytes;
}

static trustbridge_list list_of(const trustbridge_bytes *items, size_t length) {
    trustbridge_list list = {items, length};
    return list;
}

/* What a caller can get wrong must be a status. Exits if one of them is something else. */
static void try_mistakes(const trustbridge_verifier *verifier, trustbridge_list chain) {
    trustbridge_options options;
    trustbridge_verifier *made = NULL;
    trustbridge_verdict *verdict = NULL;
    trustbridge_bytes none = {NULL, 0}, bad = {NULL, 7}, junk = {(const uint8_t *)"junk", 4};
    char *error = NULL;

    memset(&options, 0, sizeof options);
    if (trustbridge_verifier_new(&options, &made, &error) != TRUSTBRIDGE_INVALID_ARGUMENT ||
        made != NULL || error == NULL || strstr(error, "sizeof(trustbridge_options)") == NULL)
        exit(10);
    trustbridge_string_free(error);
    options.size = sizeof options;
    options.extra_roots = list_of(NULL, 1);
    if (trustbridge_verifier_new(&options, &made, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT) exit(11);
    options.extra_roots = list_of(&bad, 1);
    if (trustbridge_verifier_new(&options, &made, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT) exit(12);
    options.extra_roots = list_of(&junk, 1);
    if (trustbridge_verifier_new(&options, &made, &error) != TRUSTBRIDGE_INVALID_ARGUMENT ||
        strstr(error, "extra_roots") == NULL)
        exit(13);
    trustbridge_string_free(error);
    options.extra_roots = list_of(NULL, 0);
    options.accept_server_auth = true;
    if (trustbridge_verifier_new(&options, &made, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT) exit(24);
    options.accept_server_auth = false;
    options.revocation_check = 3;
    if (trustbridge_verifier_new(&options, &made, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT) exit(14);
    if (trustbridge_verifier_new(NULL, NULL, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT) exit(15);

    if (trustbridge_verify(NULL, chain, "example.com", 0, none, &verdict) !=
            TRUSTBRIDGE_INVALID_ARGUMENT ||
        verdict != NULL)
        exit(16);
    if (trustbridge_verify(verifier, chain, "not a name", 0, none, &verdict) !=
        TRUSTBRIDGE_INVALID_ARGUMENT)
        exit(17);
    if (trustbridge_verify(verifier, chain, "\xff", 0, none, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT)
        exit(18);
    if (trustbridge_verify(verifier, chain, NULL, -2, none, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT)
        exit(19);
    if (trustbridge_verify(verifier, list_of(NULL, 1), NULL, 0, none, NULL) !=
        TRUSTBRIDGE_INVALID_ARGUMENT)
        exit(20);
    if (trustbridge_verify(verifier, chain, NULL, 0, bad, NULL) != TRUSTBRIDGE_INVALID_ARGUMENT)
        exit(21);
    if (trustbridge_verify(verifier, list_of(NULL, 0), NULL, 0, none, NULL) !=
        TRUSTBRIDGE_NO_CERTIFICATE)
        exit(22);
    if (trustbridge_verdict_status(NULL) != TRUSTBRIDGE_INVALID_ARGUMENT ||
        strcmp(trustbridge_verdict_report(NULL), "no verdict") != 0 ||
        trustbridge_verdict_chain(NULL, 0).length != 0)
        exit(23);
    trustbridge_verdict_free(NULL);
    trustbridge_verifier_free(NULL);
    trustbridge_string_free(NULL);
}

int main(int argc, char **argv) {
    enum { FIRST = 5, MOST = 8 };
    trustbridge_bytes chain[MOST], root, crl, none = {NULL, 0};
    trustbridge_options options;
    trustbridge_verifier *verifier;
    trustbridge_verdict *verdict;
    trustbridge_status status;
    char *error;
    size_t length, index;

    if (argc < FIRST || argc > FIRST + MOST) return 2;
    root = read_file(argv[3]);
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.no_system_roots = true;
    options.extra_roots = list_of(&root, 1);
    options.clients = options.accept_server_auth = getenv("CLIENT_OR_SERVER") != NULL;
    options.danger_allow_weak_keys = getenv("WEAK_KEYS") != NULL;
    if (strcmp(argv[4], "-") != 0) {
        crl = read_file(argv[4]);
        options.crls = list_of(&crl, 1);
        options.revocation_check = 1;
    } else {
        crl = none;
    }
    if (trustbridge_verifier_new(&options, &verifier, &error) != TRUSTBRIDGE_TRUSTED) {
        fprintf(stderr, "%s\n", error);
        trustbridge_string_free(error);
        return 2;
    }
    /* What was passed in is not kept. */
    free((void *)root.data);
    free((void *)crl.data);

    length = (size_t)(argc - FIRST);
    for (index = 0; index < length; index++) chain[index] = read_file(argv[FIRST + index]);
    status = trustbridge_verify(verifier, list_of(chain, length),
                                strcmp(argv[1], "-") == 0 ? NULL : argv[1],
                                strtoll(argv[2], NULL, 10), none, &verdict);
    try_mistakes(verifier, list_of(chain, length));
    trustbridge_verifier_free(verifier);
    for (index = 0; index < length; index++) free((void *)chain[index].data);
    if (status < 0) return 3;

    printf("status %d kind %s openssl %d depth %d\n", (int)status, trustbridge_verdict_kind(verdict),
           (int)trustbridge_verdict_openssl_code(verdict), (int)trustbridge_verdict_depth(verdict));
    for (index = 0; index < trustbridge_verdict_chain_length(verdict); index++)
        printf("certificate of %zu bytes\n", trustbridge_verdict_chain(verdict, index).length);
    printf("%s\n%s\n", trustbridge_verdict_text(verdict), trustbridge_verdict_report(verdict));
    if (trustbridge_verdict_status(verdict) != status) return 4;
    if (trustbridge_verdict_chain(verdict, 1000).data != NULL) return 5;
    trustbridge_verdict_free(verdict);
    return 0;
}
